package worker_test

import (
	"fmt"
	"testing"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/user"
)

// WhatsApp tells usernames beside the ids in its stanzas. whatsmeow drops them; the event
// of such a stanza has them, and a change is told.
func TestUsernamesOfStanzas(t *testing.T) {
	w := newWorld(t, storetest.NewURL(t))
	w.paired()
	carol := w.person("15550000003", "Carol", wasim.AccountOptions{})
	name := func(a *wasim.Account, name string) {
		t.Helper()
		if err := a.SetUsername(user.Username{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	told := func(text string) string {
		t.Helper()
		w.received(text)
		return value[string](w.instance, fmt.Sprintf(`select coalesce(payload->'args'->0->>'username', '') from events
			where type = 'message' and payload->'args'->0->>'body' = '%s'`, text))
	}
	w.say("unnamed text")
	if got := told("unnamed text"); got != "" {
		t.Errorf("nobody told of %q", got)
	}
	name(w.bob, "bob.one")
	w.say("named text")
	if got := told("named text"); got != "bob.one" {
		t.Errorf("told %q", got)
	}
	if n := value[int](w.instance, `select count(*)::int from events where type = 'contact_username'`); n != 0 {
		t.Errorf("a first username is news %d times", n)
	}
	name(w.bob, "bob.two")
	w.say("renamed text")
	if got := told("renamed text"); got != "bob.two" {
		t.Errorf("told %q", got)
	}
	if got := value[[]string](w.instance, `select array_agg((payload->'args'->0->>'username') || ' ' || (payload->'args'->>1)) from events where type = 'contact_username'`); fmt.Sprint(got) != "[bob.two bob.one]" {
		t.Errorf("news %q", got)
	}

	name(carol, "carol")
	group, err := w.sim.CreateGroup("Friends", w.bob, w.account, carol)
	if err != nil {
		t.Fatal(err)
	}
	w.eventually("the members' usernames", func() bool {
		return value[int](w.instance, `select count(*)::int from contacts where username in ('bob.two', 'carol')`) == 2
	})
	name(carol, "carol.two")
	if _, err := carol.Phone().SendText(w.ctx, group, "in the group"); err != nil {
		t.Fatal(err)
	}
	if got := told("in the group"); got != "carol.two" {
		t.Errorf("told %q", got)
	}
	if _, err := w.account.Phone().SendText(w.ctx, carol.PN(), "from the phone"); err != nil {
		t.Fatal(err)
	}
	w.eventually("what the phone sent", func() bool {
		return value[string](w.instance, `select coalesce(max(payload->'args'->0->>'toUsername'), '') from events
			where type = 'message_create' and payload->'args'->0->>'body' = 'from the phone'`) == "carol.two"
	})
}
