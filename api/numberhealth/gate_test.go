package numberhealth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/numberhealth"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/standing"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a gate over a real database, and an instance in it.
type rig struct {
	*numberhealth.Gate
	t     *testing.T
	store *store.Store
	in    store.Instance
}

func newRig(t *testing.T, policy string) *rig {
	t.Helper()
	st := storetest.New(t)
	now := time.Now().UTC()
	must(t, st.CreateUser(t.Context(), store.User{ID: "u", Email: "u@example.org", Role: "user", CreatedAt: now}))
	id := supervisor.ID("aaaaaaaaaaaa")
	must(t, st.CreateInstance(t.Context(), store.Instance{ID: id, OwnerID: "u", Name: "one", CreatedAt: now}, store.APIKey{ID: "k", Hash: []byte("h"), CreatedAt: now}))
	r := &rig{Gate: numberhealth.NewGate(st, zerolog.Nop()), t: t, store: st}
	r.set(policy)
	return r
}

// set changes the policy.
func (r *rig) set(policy string) {
	r.t.Helper()
	must(r.t, r.store.SetHealthPolicy(r.t.Context(), "aaaaaaaaaaaa", json.RawMessage(policy)))
	in, err := r.store.Instance(r.t.Context(), "aaaaaaaaaaaa")
	must(r.t, err)
	r.in = in
}

// said writes down what WhatsApp said of the number.
func (r *rig) said(notices ...standing.Notice) {
	r.t.Helper()
	var d standing.Document
	for _, n := range notices {
		d, _ = d.After(n)
	}
	raw, err := json.Marshal(d)
	must(r.t, err)
	_, err = r.store.Pool().Exec(r.t.Context(), `insert into number_standing (instance_id, document) values ('aaaaaaaaaaaa', $1)
		on conflict (instance_id) do update set document = excluded.document`, raw)
	must(r.t, err)
	r.Heed("aaaaaaaaaaaa")
}

// contacts is what a pass says of first contacts; the error's code when there is none.
func (r *rig) contacts() string {
	r.t.Helper()
	pass, err := r.Admit(r.t.Context(), r.in, false)
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f.Code
	case err != nil:
		r.t.Fatal(err)
	case pass.FirstContacts == nil:
		return "anybody"
	}
	return fmt.Sprintf("%s %d", pass.FirstContacts.GetReason(), pass.FirstContacts.GetMost())
}

func TestWhatTheGateLetsGo(t *testing.T) {
	now := time.Now().UTC()
	today := now.Format(time.DateOnly)
	lock := standing.Notice{Kind: standing.LockStated, Active: true, At: now, Until: now.Add(time.Hour)}
	for _, tc := range []struct {
		name, policy string
		said         []standing.Notice
		want         string
	}{
		{"nothing is known", `{"mode":"protect"}`, nil, "anybody"},
		{"a new number", `{"mode":"protect","warmUp":{"numberSince":"` + today + `","plan":[7]}}`, nil, "warm_up 7"},
		{"a new number, watched", `{"mode":"watch","warmUp":{"numberSince":"` + today + `","plan":[7]}}`, nil, "anybody"},
		{"locked", `{"mode":"protect"}`, []standing.Notice{lock}, "reachout_time_lock 0"},
		{"locked, watched", `{"mode":"watch"}`, []standing.Notice{lock}, "anybody"},
		{"locked, off", `{"mode":"off"}`, []standing.Notice{lock}, "anybody"},
		{"quiet", `{"mode":"protect","quietHours":{"from":"` + now.Add(-2*time.Hour).Format("15:04") + `","to":"` + now.Add(2*time.Hour).Format("15:04") + `"}}`, nil, "quiet_hours"},
		{"what another build wrote", `{"mode":7}`, []standing.Notice{lock}, "anybody"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.policy)
			r.said(tc.said...)
			if got := r.contacts(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTheGateLooksAgain(t *testing.T) {
	r := newRig(t, `{"mode":"protect","pace":{"when":"never"}}`)
	if got := r.contacts(); got != "anybody" {
		t.Errorf("at first: %s", got)
	}
	now := time.Now()
	r.said(standing.Notice{Kind: standing.LockStated, Active: true, At: now, Until: now.Add(time.Hour)})
	if got := r.contacts(); got != "reachout_time_lock 0" {
		t.Errorf("after a refusal: %s", got)
	}
	r.set(`{"mode":"off"}`)
	if got := r.contacts(); got != "anybody" {
		t.Errorf("after the policy changed: %s", got)
	}
	r.set(`{"mode":"protect"}`)
	r.store.Close()
	r.Heed("aaaaaaaaaaaa")
	if got := r.contacts(); got != "reachout_time_lock 0" {
		t.Errorf("while the database is away: %s", got)
	}
	r.Gate = numberhealth.NewGate(r.store, zerolog.Nop())
	if got := r.contacts(); got != "anybody" {
		t.Errorf("when nothing was ever known: %s", got)
	}
}

// Between two sends there is a pause. A short one is waited for, a long one refused, and
// a send that came to nothing gives it back.
func TestTheGateKeepsAPace(t *testing.T) {
	r := newRig(t, `{"mode":"protect","pace":{"when":"always","minSeconds":1,"maxSeconds":1}}`)
	began := time.Now()
	if got := r.contacts(); got != "anybody" || time.Since(began) > 900*time.Millisecond {
		t.Errorf("the first: %s after %s", got, time.Since(began))
	}
	if got := r.contacts(); got != "anybody" || time.Since(began) < 900*time.Millisecond {
		t.Errorf("the second: %s after %s", got, time.Since(began))
	}
	r.set(`{"mode":"protect","pace":{"when":"always","minSeconds":60,"maxSeconds":90}}`)
	pass, err := r.Admit(t.Context(), r.in, false)
	must(t, err)
	_, err = r.Admit(t.Context(), r.in, false)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.RateLimited || f.Code != "pace" || f.RetryAfter < 59*time.Second || f.RetryAfter > 90*time.Second {
		t.Errorf("a long pause: %v", err)
	}
	pass.GiveBack()
	if got := r.contacts(); got != "anybody" {
		t.Errorf("after nothing was sent: %s", got)
	}
	r.set(`{"mode":"protect","pace":{"when":"always","minSeconds":10,"maxSeconds":10}}`)
	if got := r.contacts(); got != "anybody" {
		t.Errorf("the first of a new policy: %s", got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Admit(gone, r.in, false); !fault.Is(err, fault.Deadline) {
		t.Errorf("a caller who leaves: %v", err)
	}
}

// What comes from the queue is never waited for, because it holds a place of the queue
// meanwhile.
func TestTheGateLetsNothingOfTheQueueWait(t *testing.T) {
	r := newRig(t, `{"mode":"protect","pace":{"when":"always","minSeconds":10,"maxSeconds":10}}`)
	began := time.Now()
	_, err := r.Admit(t.Context(), r.in, true)
	must(t, err)
	for range 2 { // one that is refused takes no turn
		_, err = r.Admit(t.Context(), r.in, true)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.RateLimited || f.Code != "pace" || f.RetryAfter > 10*time.Second || f.Sent != fault.SentNothing {
			t.Errorf("the next: %v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// Who gives a turn back moves nobody who has taken a later one.
func TestATurnBehindAnotherIsNotGivenAway(t *testing.T) {
	r := newRig(t, `{"mode":"protect","pace":{"when":"always","minSeconds":2,"maxSeconds":2}}`)
	first, err := r.Admit(t.Context(), r.in, false)
	must(t, err)
	second, err := r.Admit(t.Context(), r.in, false)
	must(t, err)
	first.GiveBack()
	left := func() time.Duration {
		t.Helper()
		_, err := r.Admit(t.Context(), r.in, true)
		var f *fault.Error
		if !errors.As(err, &f) {
			t.Fatalf("no pause: %v", err)
		}
		return f.RetryAfter
	}
	if wait := left(); wait < time.Second {
		t.Errorf("a pause of 2 s behind the second is over in %s", wait)
	}
	second.GiveBack()
	second.GiveBack()
	pass, err := r.Admit(t.Context(), r.in, true)
	must(t, err)
	second.GiveBack()
	if wait := left(); wait < time.Second {
		t.Errorf("a pause of 2 s behind the third is over in %s", wait)
	}
	pass.GiveBack()
}
