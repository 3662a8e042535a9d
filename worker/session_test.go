package worker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim/phone"
)

// A contact writes while it is written to: whatsmeow changes the same Signal
// session in both directions, and no message may be encrypted with a key that
// was used before. A retry would mend most of that, so there must be none.
func TestWritingToWhoWritesLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	const n = 250
	bob := w.bob.Phone()
	missing, all := make(map[string]bool), make(chan struct{})
	for i := range n {
		missing[fmt.Sprintf("to Bob %03d", i)] = true
	}
	defer bob.Subscribe(func(r phone.Received) {
		if missing[r.Text] {
			if delete(missing, r.Text); len(missing) == 0 {
				close(all)
			}
		}
	})()
	var both sync.WaitGroup
	texts := make([]string, n)
	both.Go(func() {
		for i := range texts {
			texts[i] = fmt.Sprintf("from Bob %03d", i)
			if _, err := bob.SendText(w.ctx, w.account.PN(), texts[i]); err != nil {
				t.Errorf("send %q: %v", texts[i], err)
			}
		}
	})
	both.Go(func() {
		for i := range n {
			params, err := json.Marshal([]string{w.bob.Number() + "@c.us", fmt.Sprintf("to Bob %03d", i)})
			if err != nil {
				t.Error(err)
			}
			if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params}); err != nil {
				t.Errorf("sendMessage %d: %v", i, err)
			}
		}
	})
	both.Wait()
	w.received(texts...)
	select { // what Bob asked for again comes after all sends have returned
	case <-all:
	case <-w.ctx.Done():
	}
	if err := bob.Wait(w.ctx); err != nil {
		t.Error(err)
	}
	got := map[string]int{}
	for _, r := range bob.Received() {
		got[r.Text]++
		if r.Retry != 0 {
			t.Errorf("Bob could not read %q and got it by retry %d", r.Text, r.Retry)
		}
	}
	for i := range n {
		if text := fmt.Sprintf("to Bob %03d", i); got[text] != 1 {
			t.Errorf("Bob got %q %d times", text, got[text])
		}
	}
	if log, err := os.ReadFile(w.log); err != nil || strings.Contains(string(log), "Error decrypting") {
		t.Errorf("%v; a message of Bob had to be asked for again", err)
	}
}

// Both sides write first at the same time, and so there are two sessions. What
// crosses then is read at once: a message in the one does not spoil the other.
func TestTwoSessionsAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	bob := w.bob.Phone()
	heard := make(chan string, 8)
	defer bob.Subscribe(func(r phone.Received) { heard <- r.Text })()
	toBob := func(text string) {
		t.Helper()
		params, err := json.Marshal([]string{w.bob.Number() + "@c.us", text})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params}); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-heard:
			if got != text {
				t.Fatalf("Bob got %q, not %q", got, text)
			}
		case <-w.ctx.Done():
			t.Fatalf("Bob did not get %q", text)
		}
	}
	prepared := func(text string) (handOver func()) {
		t.Helper()
		_, handOver, err := bob.PrepareText(w.ctx, w.account.PN(), text)
		if err != nil {
			t.Fatal(err)
		}
		return handOver
	}
	inBobs := prepared("in Bob's session")
	toBob("in ours")
	inOurs := prepared("in ours, too")
	inBobs()
	w.received("in Bob's session")
	toBob("in Bob's, too")
	inOurs()
	w.received("in ours, too")
	w.say("in Bob's again")
	w.received("in Bob's again")
	toBob("and back")
	if log, err := os.ReadFile(w.log); err != nil || strings.Contains(string(log), "Error decrypting") {
		t.Errorf("%v; a message had to be asked for again", err)
	}
}
