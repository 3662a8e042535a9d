package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	words "whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/wasim"
)

// The queue through a whole temporary ban: it says why it waits and until when, also under
// the next manager, sends nothing meanwhile, and goes on by itself when the ban ends, with
// each message once and in order.
func TestAQueueWaitsForTheEndOfABan(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice, bob, carol := acquainted(t, s)
	alice.setPolicy(t, `{"mode":"protect","pace":{"when":"never"}}`)
	alice.text(t, wid(bob), "before")

	const length = 25 * time.Second
	began := time.Now()
	alice.TemporaryBan(102, length, 1)
	alice.Devices()[0].Drop()
	eventually(t, 20*time.Second, "the ban is told", func() bool { return alice.health(t).Standing.Status == words.StatusBanned })
	ban := alice.health(t).Standing.Ban
	if ban.Until == nil || ban.Until.Before(began.Add(length)) || ban.Until.After(time.Now().Add(length)) {
		t.Fatalf("banned: %+v", ban)
	}
	texts, keys := []string{"one", "two", "three", "four"}, map[string]string{}
	for i, text := range texts {
		keys[text] = alice.enqueue(t, []*wasim.Account{bob, carol}[i%2], text)
	}
	tells := func(when string) {
		t.Helper()
		if at := alice.waits(t, keys["one"], "temporary_ban"); at.Sub(*ban.Until).Abs() > 2*time.Second {
			t.Errorf("%s the queue goes on at %s, the ban ends at %s", when, at, ban.Until)
		}
		for _, text := range texts {
			if state := sendState(t, alice, keys[text]); state != "queued" {
				t.Errorf("%s %s is %s", when, text, state)
			}
		}
	}
	tells("during the ban")
	answer, err := s.Client.Do(deadline(t, 20*time.Second), http.MethodPost, "/api/instances/"+alice.id+"/send",
		map[string]any{"chatId": wid(bob), "content": "refused"})
	must(t, err)
	if answer.Status < 400 {
		t.Errorf("a direct send: %d %s", answer.Status, answer.Body)
	}
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, time.Minute)))
	tells("under the next manager")
	if time.Now().After(*ban.Until) {
		t.Fatal("the machine is too slow for this test: the ban is over")
	}

	for i, text := range texts {
		to := []*wasim.Account{bob, carol}[i%2]
		eventually(t, time.Minute, text+" is sent", func() bool { return sendState(t, alice, keys[text]) == "sent" })
		arrives(t, to, text)
	}
	for person, want := range map[*wasim.Account][]string{bob: {"before", "one", "three"}, carol: {"two", "four"}} {
		var got []string
		for _, r := range person.Phone().Received() {
			if got = append(got, r.Text); r.Text != "before" && r.Time.Before(ban.Until.Truncate(time.Second)) {
				t.Errorf("%s arrived at %s, the ban ended at %s", r.Text, r.Time, ban.Until)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("arrived: %q, want %q", got, want)
		}
	}
	var paused []string
	eventually(t, 20*time.Second, "the end of the pause is told", func() bool {
		paused = nil
		for _, e := range alice.events(t) {
			switch e.Event {
			case "sends_paused":
				var said struct {
					Reason string
					Until  time.Time
				}
				must(t, json.Unmarshal(e.Data, &said))
				if said.Until.Sub(*ban.Until).Abs() > 2*time.Second {
					t.Errorf("paused until %s, the ban ends at %s", said.Until, ban.Until)
				}
				paused = append(paused, said.Reason)
			case "sends_resumed":
				paused = append(paused, "over")
			}
		}
		return len(paused) > 0 && paused[len(paused)-1] == "over"
	})
	if paused[0] != "temporary_ban" {
		t.Errorf("told: %q", paused)
	}
	if h := alice.health(t); h.Standing.Status != words.StatusGood {
		t.Errorf("afterwards: %+v", h.Standing)
	}
}
