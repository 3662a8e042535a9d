package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	words "whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// numberHealth is the health of a number as far as the tests look at it.
type numberHealth struct {
	Standing      words.Document
	FirstContacts struct {
		Limited, Enforced bool
		Reason, NumberAge string
		Until             time.Time
		PeopleToday       int
	}
	Week struct {
		Sends, ToStrangers, Recipients, Answered, NewChats int
		RefusedByCode                                      map[string]int
	}
}

func (l *linked) health(t *testing.T) numberHealth {
	t.Helper()
	var answer struct{ Health numberHealth }
	must(t, l.stack.Client.Want(deadline(t, 20*time.Second), http.StatusOK, "GET", "/api/instances/"+l.id+"/health", nil, &answer))
	return answer.Health
}

func (l *linked) setPolicy(t *testing.T, policy string) {
	t.Helper()
	must(t, l.stack.Client.Want(deadline(t, 20*time.Second), http.StatusOK, "PUT", "/api/instances/"+l.id+"/health/policy", []byte(policy), nil))
}

// queuedSend is a send as the queue tells of it.
type queuedSend struct {
	Key, State string
	Waiting    struct {
		Reason string
		Until  time.Time
	}
}

func (l *linked) enqueue(t *testing.T, to *wasim.Account, text string) (key string) {
	t.Helper()
	var answer struct{ Send queuedSend }
	must(t, l.stack.Client.Want(deadline(t, 20*time.Second), http.StatusAccepted, "POST", "/api/instances/"+l.id+"/sends",
		map[string]any{"params": []string{wid(to), text}}, &answer))
	return answer.Send.Key
}

// waits wants the send to wait for a reason, and returns until when.
func (l *linked) waits(t *testing.T, key, reason string) time.Time {
	t.Helper()
	var answer struct{ Send queuedSend }
	eventually(t, 20*time.Second, "the send waits because of "+reason, func() bool {
		answer.Send = queuedSend{}
		must(t, l.stack.Client.Want(deadline(t, 20*time.Second), http.StatusOK, "GET", "/api/instances/"+l.id+"/sends/"+key, nil, &answer))
		return answer.Send.State == "queued" && answer.Send.Waiting.Reason == reason
	})
	return answer.Send.Waiting.Until
}

// turnedAway wants a direct send to be answered with 429 and a code until a time.
func (l *linked) turnedAway(t *testing.T, to *wasim.Account, code string, until time.Time) {
	t.Helper()
	for path, body := range map[string]any{
		"/api/proxy/" + l.key + "/sendMessage": []string{wid(to), "refused"},
		"/api/proxy/" + l.key + "/createGroup": []any{"Refused", []string{wid(to)}},
		"/api/instances/" + l.id + "/send":     map[string]any{"chatId": wid(to), "content": "refused"},
	} {
		answer, err := l.stack.Client.Do(deadline(t, 20*time.Second), "POST", path, body)
		must(t, err)
		var said struct{ Code string }
		must(t, json.Unmarshal(answer.Body, &said))
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		again := time.Now().Add(time.Duration(seconds) * time.Second)
		if answer.Status != http.StatusTooManyRequests || said.Code != code || again.Sub(until).Abs() > 10*time.Second {
			t.Errorf("%s: %d, again in %d s: %s; want %s until %s", path, answer.Status, seconds, answer.Body, code, until)
		}
	}
}

func arrives(t *testing.T, at *wasim.Account, text string) {
	t.Helper()
	wait(t, at.Phone(), text, func(r phone.Received) bool { return r.Text == text })
}

// acquainted links Alice, to whom Carol has written and Bob never has.
func acquainted(t *testing.T, s *stack.Stack) (alice *linked, bob, carol *wasim.Account) {
	t.Helper()
	alice = link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob, carol = person(t, "Bob", wasim.AccountOptions{}), person(t, "Carol", wasim.AccountOptions{})
	say(t, carol, alice.PN(), "hello")
	eventually(t, 20*time.Second, "Carol's message", func() bool { return count(alice.events(t), "message", "hello") == 1 })
	return alice, bob, carol
}

// WhatsApp lets the number open no new chats. The queue holds back what goes to new
// people and nothing else, says so, survives a manager, and goes on when the lock ends.
func TestALockedNumberWritesToThoseWhoWrote(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice, bob, carol := acquainted(t, s)
	if h := alice.health(t); h.Standing.Status != words.StatusGood || !h.FirstContacts.Enforced || h.FirstContacts.Limited {
		t.Errorf("a new instance: %+v", h)
	}
	alice.setPolicy(t, `{"mode":"protect","pace":{"when":"never"}}`)

	until := time.Now().Add(time.Hour).Truncate(time.Second)
	alice.LockReachout(until)
	eventually(t, 20*time.Second, "the lock is told", func() bool { return count(alice.events(t), "number_health", "") == 1 })
	if h := alice.health(t); h.Standing.Status != words.StatusRestricted || !h.FirstContacts.Limited ||
		h.FirstContacts.Reason != "reachout_time_lock" || !h.FirstContacts.Until.Equal(until) {
		t.Errorf("locked: %+v", h)
	}
	alice.turnedAway(t, bob, "reachout_time_lock", until)
	alice.text(t, wid(carol), "an answer")
	arrives(t, carol, "an answer")

	cold := alice.enqueue(t, bob, "cold")
	warm := alice.enqueue(t, carol, "warm")
	arrives(t, carol, "warm")
	eventually(t, 20*time.Second, "the conversation went on", func() bool { return sendState(t, alice, warm) == "sent" })
	if at := alice.waits(t, cold, "reachout_time_lock"); at.Sub(until).Abs() > 10*time.Second {
		t.Errorf("the queue goes on at %s, the lock ends at %s", at, until)
	}
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, time.Minute)))
	alice.waits(t, cold, "reachout_time_lock")

	alice.LockReachout(time.Time{})
	arrives(t, bob, "cold")
	eventually(t, 20*time.Second, "it was sent", func() bool { return sendState(t, alice, cold) == "sent" })
	h := alice.health(t)
	if h.Standing.Status != words.StatusGood || h.FirstContacts.Limited || h.FirstContacts.PeopleToday != 1 ||
		fmt.Sprint(h.Week) != "{3 1 2 0 1 map[]}" { // by the policy, so WhatsApp had nothing to refuse
		t.Errorf("afterwards: %+v", h)
	}

	// Nobody told of this lock: the first refusal does.
	dave := person(t, "Dave", wasim.AccountOptions{})
	alice.LockReachoutSilently(time.Now().Add(time.Hour))
	cold = alice.enqueue(t, dave, "colder")
	alice.waits(t, cold, "reachout_time_lock")
	if h := alice.health(t); h.Standing.Lock.EndStated || h.Standing.Status != words.StatusRestricted || h.Week.RefusedByCode["463"] == 0 {
		t.Errorf("found out: %+v", h)
	}
	alice.LockReachout(time.Time{})
	arrives(t, dave, "colder")

	// Too many: the whole queue rests, and nothing is lost.
	alice.MessageError(429, 1)
	fast := alice.enqueue(t, carol, "fast")
	if at := alice.waits(t, fast, "wa_429"); time.Until(at) > time.Minute || time.Until(at) < 30*time.Second {
		t.Errorf("the queue goes on at %s", at)
	}
	if h := alice.health(t); h.Standing.Status != words.StatusLimited || h.Standing.Limit.Count != 1 {
		t.Errorf("limited: %+v", h)
	}

	// Banned: the link is refused, the number's health says until when, and so does the queue.
	alice.TemporaryBan(102, time.Hour, 1)
	alice.Devices()[0].Drop()
	eventually(t, 20*time.Second, "the ban is told", func() bool { return alice.health(t).Standing.Status == words.StatusBanned })
	if ban := alice.health(t).Standing.Ban; ban.Reason == "" || time.Until(*ban.Until) < 59*time.Minute {
		t.Errorf("banned: %+v", ban)
	}
}

// What the owner's policy allows, in the queue and directly, and what happens when it
// is changed while messages wait.
func TestAHealthPolicyIsKept(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob, carol, dave := person(t, "Bob", wasim.AccountOptions{}), person(t, "Carol", wasim.AccountOptions{}), person(t, "Dave", wasim.AccountOptions{})
	now := time.Now().UTC()
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
	alice.setPolicy(t, `{"mode":"protect","warmUp":{"numberSince":"`+now.Format(time.DateOnly)+`","plan":[2]}}`)
	alice.text(t, wid(bob), "one")
	alice.text(t, wid(carol), "two")
	alice.text(t, wid(bob), "one again")
	alice.turnedAway(t, dave, "warm_up", midnight)
	third := alice.enqueue(t, dave, "three")
	if at := alice.waits(t, third, "warm_up"); at.Sub(midnight).Abs() > 10*time.Second {
		t.Errorf("the queue goes on at %s", at)
	}
	if h := alice.health(t); h.FirstContacts.NumberAge != "new" || h.FirstContacts.PeopleToday != 2 || h.Week.ToStrangers != 3 {
		t.Errorf("warming up: %+v", h)
	}
	alice.setPolicy(t, `{"mode":"watch","warmUp":{"numberSince":"`+now.Format(time.DateOnly)+`","plan":[2]}}`)
	arrives(t, dave, "three")
	if h := alice.health(t); !h.FirstContacts.Limited || h.FirstContacts.Enforced {
		t.Errorf("watched: %+v", h)
	}

	end := time.Now().UTC().Add(3 * time.Hour).Truncate(time.Minute)
	alice.setPolicy(t, fmt.Sprintf(`{"mode":"protect","quietHours":{"from":%q,"to":%q}}`,
		end.Add(-6*time.Hour).Format("15:04"), end.Format("15:04")))
	alice.turnedAway(t, bob, "quiet_hours", end)
	night := alice.enqueue(t, bob, "at night")
	if at := alice.waits(t, night, "quiet_hours"); at.Sub(end).Abs() > 10*time.Second {
		t.Errorf("the queue goes on at %s, want %s", at, end)
	}
	alice.setPolicy(t, `{"mode":"off"}`)
	arrives(t, bob, "at night")
}
