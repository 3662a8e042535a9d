package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	gops "github.com/shirou/gopsutil/v3/process"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

// A worker is killed for silence only after this many Pings went unanswered,
// so that a pause of our own is not taken for one of the worker's.
const missesToHang = 3

// vitals are what health remembers of one worker process from look to look.
type vitals struct {
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
	all := make(map[ID]*vitals)
	zombies := make(map[int]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-guard.C:
			s.visit(all)
			s.ping(ctx, all)
		case <-full.C:
			s.visit(all)
			s.ping(ctx, all)
			s.sample(all)
			s.findStrays(ctx)
			s.findNew(ctx)
			zombies = s.reapZombies(zombies)
		}
	}
}

// visit takes in who has a process now, and judges memory.
func (s *Supervisor) visit(all map[ID]*vitals) {
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
		v := all[i.id]
		if v == nil || v.proc != p {
			v = &vitals{i: i, proc: p, answered: time.Now(), responsive: true}
			all[i.id] = v
		}
		m, err := workerproc.ReadMemory(p.PID())
		if err != nil || p.Ended() { // the second look makes sure the first was at this process
			continue
		}
		v.memory = m
		i.figure(func(st *Status) { st.RSSBytes = m.Resident })
		evict, warn := v.guard.Judge(m.Own, s.cfg.MemoryLimit)
		if warn {
			s.metrics.nearLimit.Inc()
			i.log.Warn().Uint64("bytes", m.Own).Uint64("limit", s.cfg.MemoryLimit).Msg("worker is near its memory limit")
		}
		if evict {
			i.suggest(recycleCommand{
				process: p, cause: "memory",
				why: fmt.Sprintf("memory limit: %d MiB of %d MiB", m.Own>>20, s.cfg.MemoryLimit>>20),
			})
		}
	}
	for id := range all {
		if !present[id] {
			delete(all, id)
		}
	}
}

// ping asks every attached worker for a sign of life, at the same time, and has
// those killed that gave none for too long.
func (s *Supervisor) ping(ctx context.Context, all map[ID]*vitals) {
	places := make(chan struct{}, 32) // taken here, given back by each Ping
	var wg sync.WaitGroup
	for _, v := range all {
		a := v.i.attachment()
		if a == nil || a.Process != v.proc || v.i.snapshot().State != Running {
			v.misses, v.answered = 0, time.Now() // attaching has a deadline of its own
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			pctx, cancel := context.WithTimeout(ctx, s.cfg.PingTimeout)
			defer cancel()
			r, err := a.Worker.Ping(pctx, v.i.raw.ping())
			kind := fault.KindOf(err) // any other fault is an answer, too
			if v.responsive = kind != fault.Deadline && kind != fault.Unavailable; !v.responsive {
				v.misses++
				return
			}
			v.misses, v.answered = 0, time.Now()
			if r.GetLastFrameAt() != nil {
				v.frame = r.GetLastFrameAt().AsTime()
			}
			if closed := r.GetUnreadable(); closed != nil {
				v.i.figure(func(st *Status) { st.Unreadable = closed })
			}
			if head := r.GetFeedHead(); head > v.i.snapshot().FeedHead { // Watch may have missed a beat
				v.i.note(func(st *Status) { st.FeedHead = max(st.FeedHead, head) })
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	for _, v := range all {
		if silent := time.Since(v.answered); v.misses >= missesToHang && silent >= s.cfg.HangAfter {
			v.i.suggest(recycleCommand{
				process: v.proc, cause: "hang", kill: true,
				why: fmt.Sprintf("hang: no answer for %s", silent.Round(time.Second/10)),
			})
		}
	}
}

// sample records the full look.
func (s *Supervisor) sample(all map[ID]*vitals) {
	now := time.Now()
	samples := make([]Sample, 0, len(all))
	for id, v := range all {
		if v.at == nil {
			v.at, _ = gops.NewProcess(int32(v.proc.PID()))
		}
		rss := v.memory.Resident
		if v.at != nil {
			if cpu, err := v.at.Percent(0); err == nil { // since the look before
				v.cpu = cpu
			}
			if m, err := v.at.MemoryInfo(); err == nil {
				rss = m.RSS
			}
		}
		if v.proc.Ended() {
			continue
		}
		v.i.figure(func(st *Status) { st.RSSBytes, st.CPUPercent = rss, v.cpu })
		if v.i.orphan {
			continue
		}
		st := v.i.snapshot()
		samples = append(samples, Sample{
			Instance: id, Generation: st.Generation, At: now, RSSBytes: rss, CPUPercent: v.cpu,
			Responsive: v.responsive, LastFrameAt: v.frame, FeedHead: st.FeedHead,
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
				i.suggest(foundCommand{})
			}
		}
	}
	s.findOrphans(ctx)
}
