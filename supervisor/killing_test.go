package supervisor_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/storetest"
)

// TestRandomKills kills managers at random moments of recovery, start and
// attach, and workers with them, and demands after each round: one live worker
// for each instance, none of them needlessly new, and never two at a time. The
// witness against two is a socket of the scripted worker that the package under
// test knows nothing of.
//
// WAM_SEED replays a run's choices (the scheduler has its own), WAM_ROUNDS
// makes it longer.
func TestRandomKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WAM_SEED"); s != "" {
		seed = parse(t, s)
	}
	rounds := 100
	if s := os.Getenv("WAM_ROUNDS"); s != "" {
		rounds = int(parse(t, s))
	}
	t.Logf("WAM_SEED=%d WAM_ROUNDS=%d", seed, rounds)
	rnd := rand.New(rand.NewPCG(seed, 0))
	began := time.Now()

	const n = 8
	url := storetest.NewURL(t) // first, so that it is dropped last
	h := newHost(t)
	h.usePostgres(url)
	for k := range n {
		// Half of them dawdle at every step, the others run at full speed.
		h.instance(k, supervisor.Run, script{Jitter: 20 * (k % 2)})
	}
	var managerKills, workerKills, needless int
	m := h.startManager()
	pids := make(map[supervisor.ID]int)
	for _, s := range m.settled(n) {
		pids[s.ID] = s.PID
	}
	for round := range rounds {
		victims := make(map[supervisor.ID]bool)
		cull := func() {
			for k := range n {
				if pid := pids[id(k)]; rnd.IntN(4) == 0 && !victims[id(k)] && pid != 0 {
					// The PID is the settled worker's: nothing but we ended it since.
					if syscall.Kill(pid, syscall.SIGKILL) == nil {
						victims[id(k)] = true
						workerKills++
					}
				}
			}
		}
		if rnd.IntN(2) == 0 {
			cull()
		}
		for range 1 + rnd.IntN(4) {
			time.Sleep(time.Duration(rnd.Int64N(int64(80 * time.Millisecond)))) // the random moment
			m.kill()
			managerKills++
			if rnd.IntN(2) == 0 {
				cull()
			}
			if rnd.IntN(3) == 0 {
				time.Sleep(time.Duration(rnd.Int64N(int64(30 * time.Millisecond)))) // late successor
			}
			m = h.startManager()
		}
		sights := m.settled(n)
		if len(sights) != n {
			t.Fatalf("round %d: %d instances, want %d", round, len(sights), n)
		}
		for _, s := range sights {
			if !victims[s.ID] && s.PID != pids[s.ID] {
				needless++
				t.Errorf("round %d: %s was restarted needlessly: worker %d became %d, generation %d", round, s.ID, pids[s.ID], s.PID, s.Generation)
			}
			pids[s.ID] = s.PID
		}
		// Losers of a race end by themselves, with exit code 75.
		eventually(t, "one process for each instance", func() bool { return len(h.workers()) == n })
		if _, err := os.Stat(filepath.Join(h.cfg.RunDir, witnessFile)); err == nil {
			t.Fatalf("round %d: two workers of one instance", round)
		}
		if t.Failed() {
			break
		}
	}
	m.kill()
	t.Logf("%d rounds, %d manager kills, %d worker kills, %d needless restarts, %s", rounds, managerKills, workerKills, needless, time.Since(began).Round(time.Millisecond))
}

func parse(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkAdopt measures how long a new manager takes from its start until 100
// live workers are attached.
func BenchmarkAdopt(b *testing.B) {
	const n = 100
	h := newHost(b)
	h.cfg.HealthInterval, h.cfg.GuardInterval = time.Minute, time.Minute
	for k := range n {
		h.instance(k, supervisor.Run, script{})
	}
	began := time.Now()
	h.manage()
	for k := range n {
		h.running(id(k))
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/start100")
	for b.Loop() {
		b.StopTimer()
		h.end()
		b.StartTimer()
		h.manage()
		for k := range n {
			h.running(id(k))
		}
	}
	b.StopTimer()
	h.end()
}
