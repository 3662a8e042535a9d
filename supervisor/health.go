package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	gops "github.com/shirou/gopsutil/v3/process"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"

	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

// A worker is killed for silence only after this many Pings went unanswered,
// so that a pause of our own is not taken for one of the worker's.
const missesToHang = 3

// patient is what health remembers of one worker process from look to look.
type patient struct {
	i          *instance
	proc       *process.Process
	at         *gops.Process
	guard      workerproc.MemoryGuard
	memory     workerproc.Memory
	cpu        float64
	misses     int
	answered   time.Time
	responsive bool
	frame      time.Time
}

// watchHealth looks at every worker: memory and Ping often, everything else and
// for the record at the longer interval. It decides nothing but suggests.
func (s *Supervisor) watchHealth(ctx context.Context) {
	guard := time.NewTicker(s.cfg.GuardInterval)
	defer guard.Stop()
	full := time.NewTicker(s.cfg.HealthInterval)
	defer full.Stop()
	patients := make(map[ID]*patient)
	zombies := make(map[int]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-guard.C:
			s.visit(patients)
			s.ping(ctx, patients)
		case <-full.C:
			s.visit(patients)
			s.ping(ctx, patients)
			s.sample(patients)
			s.findStrays(ctx)
			s.findNew(ctx)
			zombies = s.reapZombies(zombies)
		}
	}
}

// visit takes in who has a process now, and judges memory.
func (s *Supervisor) visit(patients map[ID]*patient) {
	s.mu.Lock()
	list := s.list()
	s.mu.Unlock()
	present := make(map[ID]bool, len(list))
	for _, i := range list {
		p := i.process()
		if p == nil {
			continue
		}
		present[i.id] = true
		pt := patients[i.id]
		if pt == nil || pt.proc != p {
			pt = &patient{i: i, proc: p, answered: time.Now(), responsive: true}
			patients[i.id] = pt
		}
		m, err := workerproc.ReadMemory(p.PID())
		if err != nil || p.Ended() { // the second look makes sure the first was at this process
			continue
		}
		pt.memory = m
		i.figure(func(st *Status) { st.RSSBytes = m.Resident })
		evict, warn := pt.guard.Judge(m.Own, s.cfg.MemoryLimit)
		if warn {
			s.metrics.nearLimit.Inc()
			i.log.Warn().Uint64("bytes", m.Own).Uint64("limit", s.cfg.MemoryLimit).Msg("worker is near its memory limit")
		}
		if evict {
			i.suggest(command{event: recycle, proc: p, cause: "memory",
				why: fmt.Sprintf("memory limit: %d MiB of %d MiB", m.Own>>20, s.cfg.MemoryLimit>>20)})
		}
	}
	for id := range patients {
		if !present[id] {
			delete(patients, id)
		}
	}
}

// ping asks every attached worker for a sign of life, at the same time, and has
// those killed that gave none for too long.
func (s *Supervisor) ping(ctx context.Context, patients map[ID]*patient) {
	places := make(chan struct{}, 32) // taken here, given back by each Ping
	var wg sync.WaitGroup
	for _, pt := range patients {
		a := pt.i.attachment()
		if a == nil || a.proc != pt.proc || pt.i.snapshot().State != Running {
			pt.misses, pt.answered = 0, time.Now() // attaching has a deadline of its own
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			pctx, cancel := context.WithTimeout(ctx, s.cfg.PingTimeout)
			defer cancel()
			r, err := a.worker.Ping(pctx, &workerv1.PingRequest{})
			kind := fault.KindOf(err) // any other fault is an answer, too
			if pt.responsive = kind != fault.Deadline && kind != fault.Unavailable; !pt.responsive {
				pt.misses++
				return
			}
			pt.misses, pt.answered = 0, time.Now()
			if r.GetLastFrameAt() != nil {
				pt.frame = r.GetLastFrameAt().AsTime()
			}
			if head := r.GetFeedHead(); head > pt.i.snapshot().FeedHead { // Watch may have missed a beat
				pt.i.note(func(st *Status) { st.FeedHead = max(st.FeedHead, head) })
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	for _, pt := range patients {
		if silent := time.Since(pt.answered); pt.misses >= missesToHang && silent >= s.cfg.HangAfter {
			pt.i.suggest(command{event: recycle, kill: true, proc: pt.proc, cause: "hang",
				why: fmt.Sprintf("hang: no answer for %s", silent.Round(time.Second/10))})
		}
	}
}

// sample records the full look.
func (s *Supervisor) sample(patients map[ID]*patient) {
	now := time.Now()
	samples := make([]Sample, 0, len(patients))
	for id, pt := range patients {
		if pt.at == nil {
			pt.at, _ = gops.NewProcess(int32(pt.proc.PID()))
		}
		rss := pt.memory.Resident
		if pt.at != nil {
			if cpu, err := pt.at.Percent(0); err == nil { // since the look before
				pt.cpu = cpu
			}
			if m, err := pt.at.MemoryInfo(); err == nil {
				rss = m.RSS
			}
		}
		if pt.proc.Ended() {
			continue
		}
		pt.i.figure(func(st *Status) { st.RSSBytes, st.CPUPercent = rss, pt.cpu })
		if pt.i.orphan {
			continue
		}
		st := pt.i.snapshot()
		samples = append(samples, Sample{
			Instance: id, Generation: st.Generation, At: now, RSSBytes: rss, CPUPercent: pt.cpu,
			Responsive: pt.responsive, LastFrameAt: pt.frame, FeedHead: st.FeedHead,
		})
	}
	if len(samples) > 0 {
		// Keyed: while the store is away only the newest look waits for it.
		s.rec.put(write{key: "samples", what: "samples", do: func(ctx context.Context) error {
			return s.store.RecordSamples(ctx, samples)
		}})
	}
}

// findStrays looks for workers where none should be: a launch that a killed
// manager left behind may take its lock after we looked.
func (s *Supervisor) findStrays(ctx context.Context) {
	s.mu.Lock()
	list := s.list()
	s.mu.Unlock()
	for _, i := range list {
		switch i.snapshot().State {
		case Stopped, Backoff, Failed:
			if _, held, err := s.dir(i.id).LockHolder(); err == nil && held {
				i.suggest(command{event: found, why: "a worker was found that nobody had started"})
			}
		}
	}
	s.findOrphans(ctx)
}
