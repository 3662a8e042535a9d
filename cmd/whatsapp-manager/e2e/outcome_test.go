package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// sendKeyed makes one attempt under a key.
func sendKeyed(t *testing.T, l *linked, key, to, text string) (status int, answer []byte) {
	t.Helper()
	body, err := json.Marshal([]any{to, text})
	must(t, err)
	req, err := http.NewRequestWithContext(deadline(t, time.Minute), http.MethodPost,
		l.stack.Client.Base+"/api/proxy/"+l.key+"/sendMessage", bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := l.stack.Client.HTTP.Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, answer
}

// sendState asks what became of a send; "" when it is not known.
func sendState(t *testing.T, l *linked, key string) string {
	t.Helper()
	answer, err := l.stack.Client.Do(t.Context(), http.MethodGet, "/api/instances/"+l.id+"/sends/"+key, nil)
	must(t, err)
	var out struct{ Send struct{ State string } }
	switch answer.Status {
	case http.StatusNotFound:
	case http.StatusOK:
		must(t, answer.Into(&out))
	default:
		t.Fatalf("what became of %s: %d %s", key, answer.Status, answer.Body)
	}
	return out.Send.State
}

// shown is how often a phone shows a text: what comes again under its id is the same message.
func shown(a *wasim.Account, text string) int {
	ids := map[string]bool{}
	for _, m := range a.Phone().Received() {
		if m.Text == text {
			ids[m.ID] = true
		}
	}
	return len(ids)
}

// A send that failed before anything was sent is as if it had never been asked
// for; one whose worker is killed when the message is out is never that, and
// what became of it shows without a repetition.
func TestWhatBecomesOfAFailedSend(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	alice.text(t, wid(bob), "first")

	alice.RefuseLogin(503, 1000)
	alice.Devices()[0].Drop()
	_, err := s.Client.Until(deadline(t, 30*time.Second), alice.id, "offline",
		func(in stack.Instance) bool { return in.Link == "offline" })
	must(t, err)
	status, answer := sendKeyed(t, alice, "away", wid(bob), "away")
	if status != http.StatusBadGateway || sendState(t, alice, "away") != "" {
		t.Errorf("while offline: %d %s, then %q", status, answer, sendState(t, alice, "away"))
	}
	alice.Heal()
	before, err := s.Client.Ready(deadline(t, time.Minute), alice.id)
	must(t, err)
	for range 2 { // the second is answered from the book
		if status, answer := sendKeyed(t, alice, "away", wid(bob), "away"); status != http.StatusOK {
			t.Errorf("connected again: %d %s", status, answer)
		}
	}
	if state := sendState(t, alice, "away"); state != "sent" {
		t.Errorf("sent at last: %q", state)
	}

	alice.LoseAcks(1)
	type outcome struct {
		status int
		answer []byte
	}
	cut := make(chan outcome, 1)
	go func() {
		status, answer := sendKeyed(t, alice, "cut", wid(bob), "cut")
		cut <- outcome{status, answer}
	}()
	wait(t, bob.Phone(), "the text", func(r phone.Received) bool { return r.Text == "cut" })
	must(t, syscall.Kill(before.PID, syscall.SIGKILL))
	if o := <-cut; o.status < 500 {
		t.Errorf("killed in the middle: %d %s", o.status, o.answer)
	}
	eventually(t, time.Minute, "what became of it", func() bool {
		state := sendState(t, alice, "cut")
		if state != "unknown" && state != "sent" {
			t.Fatalf("killed in the middle: %q", state)
		}
		return state == "sent"
	})
	_, err = s.Client.Ready(deadline(t, time.Minute), alice.id)
	must(t, err)
	if status, answer := sendKeyed(t, alice, "cut", wid(bob), "cut"); status != http.StatusOK {
		t.Errorf("repeated: %d %s", status, answer)
	}
	alice.text(t, wid(bob), "last")
	wait(t, bob.Phone(), "the last text", func(r phone.Received) bool { return r.Text == "last" })
	for _, text := range []string{"away", "cut"} {
		if n := shown(bob, text); n != 1 {
			t.Errorf("%q is shown %d times", text, n)
		}
	}
}
