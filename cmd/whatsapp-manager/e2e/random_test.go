package e2e

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// TestRandomKills kills the real manager, and now and then a real worker, at
// random moments of start-up, start, attach and stop. WAM_SEED replays a run,
// WAM_ROUNDS makes it longer; the supervisor's own test of this kind does many
// more rounds with scripted workers.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	seed := setting(t, "WAM_SEED", uint64(time.Now().UnixNano()))
	rounds := setting(t, "WAM_ROUNDS", 12)
	t.Logf("WAM_SEED=%d WAM_ROUNDS=%d", seed, rounds)
	dice := rand.New(rand.NewPCG(seed, 0))

	s := start(t)
	var instances []*linked
	for _, name := range []string{"Alice", "Bob", "Carol"} {
		instances = append(instances, link(t, s, person(t, name, wasim.AccountOptions{})))
	}
	watch, stop := context.WithCancel(t.Context())
	duplicates := make(chan map[string][]int, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watch.Done():
				duplicates <- nil
				return
			case <-tick.C:
			}
			if twice := lasting(watch, s, tick.C); len(twice) > 0 {
				duplicates <- twice
				return
			}
		}
	}()
	var wishes sync.WaitGroup
	defer wishes.Wait()
	for round := range rounds {
		for range 1 + dice.IntN(3) {
			pause := time.NewTimer(time.Duration(dice.IntN(400)) * time.Millisecond)
			victim := instances[dice.IntN(len(instances))]
			switch dice.IntN(4) {
			case 0: // the owner's wish is on its way when the manager dies
				wishes.Go(func() {
					ctx, cancel := context.WithTimeout(watch, time.Second)
					defer cancel()
					// Whether the manager lives to hear it is the point of the test.
					_, _ = s.Client.Do(ctx, "POST", "/api/instances/"+victim.id+"/restart", nil)
				})
			case 1:
				for _, pid := range s.Workers()[victim.id] {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			<-pause.C
			s.KillManager()
			must(t, s.StartManager())
		}
		must(t, s.Ready(deadline(t, 60*time.Second)))
		for _, l := range instances {
			must(t, s.Client.Start(deadline(t, 20*time.Second), l.id)) // a failed one after too many kills
			if _, err := s.Client.Ready(deadline(t, 60*time.Second), l.id); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		oneEach(t, s, instances...)
	}
	stop()
	if twice := <-duplicates; twice != nil {
		t.Errorf("instances had two workers at one moment: %v", twice)
	}
}

// lasting returns the instances that had the same two workers at two looks. One
// look is not enough: a second worker may be alive for the moment it takes to
// find the lock taken and exit.
func lasting(ctx context.Context, s *stack.Stack, next <-chan time.Time) map[string][]int {
	twice := s.Workers()
	for range 60 {
		maps.DeleteFunc(twice, func(_ string, pids []int) bool { return len(pids) < 2 })
		if len(twice) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next:
		}
		now := s.Workers()
		for id, pids := range twice {
			twice[id] = slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !slices.Contains(now[id], pid) })
		}
	}
	return twice
}

func setting(t *testing.T, name string, standard uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return n
}
