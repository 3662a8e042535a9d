package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker"
	"whatsapp-manager/worker/wasim"
)

const (
	spins = "spins" // the main loop computes and does not end
	waits = "waits" // the main loop waits for what never comes

	hangOrder = "hang"
)

// hang looks for a file in the worker's run directory, the only place that it
// may read and change, which says how its main loop is to hang, and removes it:
// the next worker is well.
func hang(w *worker.Running) {
	order := filepath.Join(w.Bootstrap.GetRunDir(), hangOrder)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-w.Done:
			return
		case <-tick.C:
		}
		how, err := os.ReadFile(order)
		if err != nil || len(how) == 0 || os.Remove(order) != nil {
			continue
		}
		switch string(how) {
		case spins:
			w.OnLoop(func() {
				for n := 0; ; n++ {
					if n < 0 {
						return
					}
				}
			})
		case waits:
			w.OnLoop(func() { select {} })
		}
	}
}

// A worker that hangs is found because it does not answer, whatever it hangs
// in, and replaced; nothing is lost, and an instance beside it notices nothing.
func TestWorkersThatHangAreReplaced(t *testing.T) {
	t.Parallel()
	program := faulty(t, hangWorker)
	s := start(t, "WAM_WORKER_BINARY="+program)
	bystander := link(t, s, person(t, "Dave", wasim.AccountOptions{}))
	writer := person(t, "Erin", wasim.AccountOptions{})
	hung := map[string]*linked{}
	before := map[string]stack.Instance{}
	for _, how := range []string{"stopped", spins, waits} {
		l := link(t, s, person(t, how, wasim.AccountOptions{}))
		in, err := s.Client.Instance(t.Context(), l.id)
		must(t, err)
		hung[how], before[how] = l, in
	}
	beside, err := s.Client.Instance(t.Context(), bystander.id)
	must(t, err)
	logins := bystander.Devices()[0].Logins()

	began := time.Now()
	must(t, syscall.Kill(before["stopped"].PID, syscall.SIGSTOP))
	// Other tests need the processor more; the loop hangs all the same. Where the kernel
	// has no groups there is no such file.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", before[spins].PID), []byte("19"), 0)
	for _, how := range []string{spins, waits} {
		order := filepath.Join(s.DataDir(), "run", hung[how].id, hangOrder)
		must(t, os.WriteFile(order, []byte(how), 0o644)) // the worker is another user
		eventually(t, 10*time.Second, how+" was heard", func() bool { _, err := os.Stat(order); return os.IsNotExist(err) })
	}
	for how, l := range hung {
		say(t, writer, l.PN(), "while it "+how)
	}

	var slowest time.Duration
	pace := time.NewTicker(250 * time.Millisecond)
	defer pace.Stop()
	for n, left := 0, len(hung); left > 0; n++ {
		if time.Since(began) > 90*time.Second {
			t.Fatalf("%d workers hang after %v", left, time.Since(began))
		}
		<-pace.C
		text := fmt.Sprint("beside ", n)
		said := time.Now()
		say(t, writer, bystander.PN(), text)
		eventually(t, 20*time.Second, text, func() bool { return count(bystander.events(t), "message", text) == 1 })
		slowest = max(slowest, time.Since(said))
		left = 0
		for how, l := range hung {
			if in, err := s.Client.Instance(t.Context(), l.id); err != nil || in.PID == 0 || in.PID == before[how].PID {
				left++
			}
		}
	}
	t.Logf("replaced after %v; beside them a message took %v at most", time.Since(began).Round(time.Second),
		slowest.Round(time.Millisecond))
	if slowest > 10*time.Second {
		t.Errorf("beside hanging workers a message took %v", slowest)
	}
	for how, l := range hung {
		in, err := s.Client.Ready(deadline(t, 60*time.Second), l.id)
		must(t, err)
		if in.Generation != before[how].Generation+1 || in.RestartCount != 1 || !strings.HasPrefix(in.LastError, "hang") {
			t.Errorf("%s: %+v", how, in)
		}
		eventually(t, 30*time.Second, "the message of meanwhile",
			func() bool { return count(l.events(t), "message", "while it "+how) > 0 })
		if n := count(l.events(t), "message", "while it "+how); n != 1 {
			t.Errorf("%s: the message of meanwhile is in the feed %d times", how, n)
		}
	}
	after, err := s.Client.Ready(deadline(t, 5*time.Second), bystander.id)
	must(t, err)
	if after.PID != beside.PID || after.Generation != beside.Generation || bystander.Devices()[0].Logins() != logins {
		t.Errorf("the instance beside them changed from %+v to %+v, logins %d to %d", beside, after, logins,
			bystander.Devices()[0].Logins())
	}
	oneEach(t, s, bystander, hung["stopped"], hung[spins], hung[waits])
}
