package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// Queued messages reach the contact once each and in order, although the
// manager and the worker are killed while they go out. Nobody can tell whether
// the message that a killed worker was sending is out, so that one may be
// repeated, under its id: WhatsApp for Android keys its messages by chat,
// direction and id (messages_key_index of its msgstore.db is unique).
func TestQueuedSendsSurviveKills(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	must(t, s.Client.Want(deadline(t, 10*time.Second), http.StatusOK, "PATCH", "/api/instances/"+alice.id,
		map[string]any{"sendsPerMinute": 0}, nil))
	ann := person(t, "Ann", wasim.AccountOptions{})

	const n = 40
	var mu sync.Mutex
	var got, repeated []string
	killed := 0 // how many had arrived when the worker was
	seen := map[string]bool{}
	arrived := make(chan int, 10*n)
	cancel := ann.Phone().Subscribe(func(r phone.Received) {
		mu.Lock()
		defer mu.Unlock()
		if seen[r.ID] {
			repeated = append(repeated, r.Text)
			return
		}
		seen[r.ID] = true
		got = append(got, r.Text)
		arrived <- len(got)
	})
	defer cancel()
	for i := range n {
		must(t, s.Client.Want(deadline(t, 10*time.Second), http.StatusAccepted, "POST", "/api/instances/"+alice.id+"/sends",
			map[string]any{"params": []string{wid(ann), fmt.Sprint("queued ", i)}}, nil))
		switch i {
		case n / 3:
			s.KillManager()
			must(t, s.StartManager())
		case 2 * n / 3:
			mu.Lock()
			killed = len(got)
			mu.Unlock()
			for _, pid := range s.Workers()[alice.id] {
				must(t, syscall.Kill(pid, syscall.SIGKILL))
			}
		case n - 2:
			s.KillManager()
			must(t, s.StartManager())
		}
		if i == n/3 || i == n-2 {
			must(t, s.Ready(deadline(t, 30*time.Second)))
		}
	}
	ctx := deadline(t, 90*time.Second)
	waitFor(t, ctx, arrived, n)
	var out struct{ Pagination struct{ Total int } }
	eventually(t, 60*time.Second, "every send told as sent", func() bool {
		must(t, s.Client.Want(ctx, http.StatusOK, "GET", "/api/instances/"+alice.id+"/sends?state=sent", nil, &out))
		return out.Pagination.Total == n
	})
	mu.Lock()
	defer mu.Unlock()
	if len(got) != n {
		t.Fatalf("%d messages arrived, want %d", len(got), n)
	}
	if len(repeated) > 1 || len(repeated) == 1 && !slices.Contains(got[max(killed-1, 0):min(killed+2, n)], repeated[0]) {
		t.Errorf("repeated are %q, and the worker was killed after %d", repeated, killed)
	}
	for i, text := range got {
		if text != fmt.Sprint("queued ", i) {
			t.Fatalf("message %d is %q", i, text)
		}
	}
}

// The worker sees a send through whose manager is killed before WhatsApp's ack,
// and the next manager, which has to ask for it again, sends nothing twice.
func TestManagerKilledInTheMiddleOfAQueuedSend(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	ann := person(t, "Ann", wasim.AccountOptions{})
	heard := make(chan string, 10)
	defer ann.Phone().Subscribe(func(r phone.Received) { heard <- r.Text })()
	ctx := deadline(t, time.Minute)
	path := "/api/instances/" + alice.id + "/sends"
	queue := func(text string) (key string) {
		t.Helper()
		var out struct{ Send struct{ Key string } }
		must(t, s.Client.Want(ctx, http.StatusAccepted, "POST", path,
			map[string]any{"params": []string{wid(ann), text}}, &out))
		return out.Send.Key
	}
	hears := func(text string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != text {
				t.Fatalf("Ann got %q, want %q", got, text)
			}
		case <-ctx.Done():
			t.Fatalf("Ann did not get %q", text)
		}
	}
	queue("before")
	hears("before")
	device := alice.Devices()[0]
	device.Delay(2 * time.Second) // so is the ack
	key := queue("once")
	hears("once")
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(ctx))
	eventually(t, 60*time.Second, "the send told as sent", func() bool { return sendState(t, alice, key) == "sent" })
	device.Delay(0)
	queue("after")
	hears("after")
}

func waitFor(t *testing.T, ctx context.Context, counts <-chan int, n int) {
	t.Helper()
	for {
		select {
		case have := <-counts:
			if have >= n {
				return
			}
		case <-ctx.Done():
			t.Fatalf("not all of %d messages arrived in time", n)
		}
	}
}
