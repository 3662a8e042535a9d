package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// burst lets each contact send n numbered texts to the instance, all at the
// same time, and calls at after every one of them. Bodies are "<name> 17".
func burst(t *testing.T, to *linked, n int, gap time.Duration, at func(sent int), contacts ...*wasim.Account) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for _, c := range contacts {
		all.Go(func() {
			pace := time.NewTicker(gap)
			defer pace.Stop()
			for i := range n {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				_, err := c.Phone().SendText(ctx, to.PN(), fmt.Sprintf("%s %d", c.Number(), i))
				cancel()
				if err != nil {
					t.Errorf("send: %v", err)
					return
				}
				mu.Lock()
				total++
				if at != nil {
					at(total)
				}
				mu.Unlock()
				<-pace.C
			}
		})
	}
	all.Wait()
}

// complete waits until every numbered text of a burst is in the feed, and
// proves that each is there once and in the order in which its sender sent it.
func complete(t *testing.T, to *linked, n int, contacts ...*wasim.Account) {
	t.Helper()
	missing := func() (left []string) {
		have := map[string]int{}
		for _, ev := range to.events(t) {
			if m, err := ev.Message(); err == nil && ev.Event == "message" {
				have[m.Body]++
			}
		}
		for _, c := range contacts {
			for i := range n {
				if body := fmt.Sprintf("%s %d", c.Number(), i); have[body] == 0 {
					left = append(left, body)
				}
			}
		}
		return left
	}
	var left []string
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for left = missing(); len(left) > 0; left = missing() {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d messages never reached the feed: %.300v", len(left), n*len(contacts), left)
		}
		<-tick.C
	}
	once := map[string]bool{}
	next := map[string]int{}
	seqs := uint64(0)
	for _, ev := range to.events(t) {
		if ev.Seq != seqs+1 {
			t.Errorf("the feed jumps from %d to %d", seqs, ev.Seq)
		}
		seqs = ev.Seq
		m, err := ev.Message()
		if err != nil || ev.Event != "message" {
			continue
		}
		if once[m.ID.ID] {
			t.Errorf("message %q is in the feed twice", m.Body)
		}
		once[m.ID.ID] = true
		name, nth, ok := strings.Cut(m.Body, " ")
		if !ok {
			continue
		}
		if nth != fmt.Sprint(next[name]) {
			t.Errorf("from %s came %s, want %d", name, nth, next[name])
		}
		next[name]++
	}
}

// delivered proves that the webhook got every message of a burst, in order per
// chat, and never one event under two ids.
func delivered(t *testing.T, hook *stack.Receiver, n int, contacts ...*wasim.Account) {
	t.Helper()
	must(t, hook.Wait(deadline(t, 60*time.Second), "the webhook has everything", func(events []stack.Event) bool {
		if len(events) < n*len(contacts) {
			return false
		}
		have := map[string]bool{}
		for _, ev := range events {
			if m, err := ev.Message(); err == nil && ev.Event == "message" {
				have[m.Body] = true
			}
		}
		for _, c := range contacts {
			for i := range n {
				if !have[fmt.Sprintf("%s %d", c.Number(), i)] {
					return false
				}
			}
		}
		return true
	}))
	ids := map[string]string{} // message -> event id
	last := map[string]uint64{}
	for _, ev := range hook.Events() {
		m, err := ev.Message()
		if err != nil || ev.Event != "message" {
			continue
		}
		if id, again := ids[m.ID.ID]; again {
			if id != ev.ID {
				t.Errorf("message %q was delivered as %s and as %s", m.Body, id, ev.ID)
			}
			continue
		}
		ids[m.ID.ID] = ev.ID
		if ev.Seq < last[m.From] {
			t.Errorf("chat %s: event %d came after %d", m.From, ev.Seq, last[m.From])
		}
		last[m.From] = ev.Seq
	}
}

// oneEach proves that every instance has exactly one worker, asking the kernel.
func oneEach(t *testing.T, s *stack.Stack, instances ...*linked) map[string]int {
	t.Helper()
	workers := s.Workers()
	pids := map[string]int{}
	for _, l := range instances {
		if len(workers[l.id]) != 1 {
			t.Errorf("instance %s has workers %v, want one", l.id, workers[l.id])
			continue
		}
		pids[l.id] = workers[l.id][0]
	}
	if len(workers) != len(instances) {
		t.Errorf("there are workers of %d instances, want %d", len(workers), len(instances))
	}
	return pids
}

func TestManagerKilledWhileMessagesArrive(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := link(t, s, person(t, "Bob", wasim.AccountOptions{}))
	ann, ben := person(t, "Ann", wasim.AccountOptions{}), person(t, "Ben", wasim.AccountOptions{})
	hook := receiver(t)
	alice.hook(t, hook, "message")
	before := oneEach(t, s, alice, bob)

	const n = 60
	kill := make(chan struct{})
	var managers sync.WaitGroup
	managers.Go(func() {
		for range kill {
			s.KillManager()
			if err := s.StartManager(); err != nil {
				t.Error(err)
			}
		}
	})
	burst(t, alice, n, 20*time.Millisecond, func(sent int) {
		if sent == n/2 || sent == n || sent == 3*n/2 {
			kill <- struct{}{}
		}
	}, ann, ben)
	close(kill)
	managers.Wait()
	must(t, s.Ready(deadline(t, 30*time.Second)))

	if after := oneEach(t, s, alice, bob); !maps.Equal(before, after) {
		t.Errorf("workers were %v, are %v: a new manager must adopt, not restart", before, after)
	}
	for _, l := range []*linked{alice, bob} {
		in, err := s.Client.Ready(deadline(t, 20*time.Second), l.id)
		must(t, err)
		if in.Generation != 1 || in.PID != before[l.id] {
			t.Errorf("%s: generation %d, PID %d; want 1 and %d", l.id, in.Generation, in.PID, before[l.id])
		}
	}
	complete(t, alice, n, ann, ben)
	delivered(t, hook, n, ann, ben)
}

func TestWorkerKilledInABurst(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := link(t, s, person(t, "Bob", wasim.AccountOptions{}))
	ann, ben := person(t, "Ann", wasim.AccountOptions{}), person(t, "Ben", wasim.AccountOptions{})
	hook := receiver(t)
	alice.hook(t, hook, "message")
	before := oneEach(t, s, alice, bob)
	bobs := bob.Devices()[0]
	connection, logins := bobs.ConnectionID(), bobs.Logins()

	const n = 60
	killed := time.Time{}
	burst(t, alice, n, 20*time.Millisecond, func(sent int) {
		if sent == n {
			killed = time.Now()
			if err := syscall.Kill(before[alice.id], syscall.SIGKILL); err != nil {
				t.Errorf("kill worker: %v", err)
			}
		}
	}, ann, ben)
	in, err := s.Client.Until(deadline(t, 30*time.Second), alice.id, "restarted", func(in stack.Instance) bool {
		return in.Status == "ready" && in.PID != before[alice.id] && in.PID != 0
	})
	must(t, err)
	t.Logf("ready again %s after the kill", time.Since(killed).Round(time.Millisecond))
	if in.Generation != 2 || in.RestartCount != 1 {
		t.Errorf("after one kill: generation %d, %d restarts", in.Generation, in.RestartCount)
	}
	complete(t, alice, n, ann, ben)
	delivered(t, hook, n, ann, ben)

	if after := oneEach(t, s, alice, bob); after[bob.id] != before[bob.id] {
		t.Errorf("Bob's worker was %d, is %d", before[bob.id], after[bob.id])
	}
	if bobs.ConnectionID() != connection || bobs.Logins() != logins {
		t.Error("Bob's connection was renewed although only Alice's worker died")
	}
}

func TestPostgresRestartedInABurst(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name   string
		signal syscall.Signal
	}{{"fast", syscall.SIGINT}, {"immediate", syscall.SIGQUIT}} {
		t.Run(how.name, func(t *testing.T) {
			s := start(t)
			alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
			bob := link(t, s, person(t, "Bob", wasim.AccountOptions{}))
			ann, ben := person(t, "Ann", wasim.AccountOptions{}), person(t, "Ben", wasim.AccountOptions{})
			hook := receiver(t)
			alice.hook(t, hook, "message")
			before := oneEach(t, s, alice, bob)
			const n = 50
			burst(t, alice, n, 20*time.Millisecond, func(sent int) {
				if sent == n {
					pid := s.Postgres()
					if pid == 0 {
						t.Error("no Postgres found")
					} else if err := syscall.Kill(pid, how.signal); err != nil {
						t.Errorf("stop Postgres: %v", err)
					}
				}
			}, ann, ben)
			for _, l := range []*linked{alice, bob} {
				_, err := s.Client.Ready(deadline(t, 60*time.Second), l.id)
				must(t, err)
			}
			complete(t, alice, n, ann, ben)
			delivered(t, hook, n, ann, ben)
			if after := oneEach(t, s, alice, bob); !maps.Equal(before, after) {
				t.Errorf("workers were %v, are %v: a database restart is no reason to restart them", before, after)
			}
			bob.text(t, wid(ann), "still here")
		})
	}
}

func TestWebhookReceiverDownThenUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	ann, ben := person(t, "Ann", wasim.AccountOptions{}), person(t, "Ben", wasim.AccountOptions{})
	hook := receiver(t)
	alice.hook(t, hook, "message")
	const n = 30
	burst(t, alice, n, 10*time.Millisecond, func(sent int) {
		switch sent {
		case n / 3:
			hook.Down()
		case n:
			if err := hook.Up(); err != nil {
				t.Error(err)
			}
			hook.Answer(503)
		case 4 * n / 3:
			s.KillManager() // what waits for a retry must survive this, too
			if err := s.StartManager(); err != nil {
				t.Error(err)
			}
		}
	}, ann, ben)
	eventually(t, 30*time.Second, "the receiver was tried and refused", func() bool { return hook.Refused() > 0 })
	hook.Answer(200)
	delivered(t, hook, n, ann, ben)
}
