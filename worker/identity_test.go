package worker_test

import (
	"fmt"
	"testing"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// In a group of hidden ids a mention of the account is its own id, everybody whose number is
// known is named by it, and a number that becomes known later is told once.
func TestMentionsInAGroupOfHiddenIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.paired()
	carol := w.person("15550000777", "Carol", wasim.AccountOptions{})
	group, err := w.sim.CreateGroup("Club", w.account, w.bob)
	if err != nil {
		t.Fatal(err)
	}
	sent := composetest.Message(t, w.sim, w.bob.Number(), group.String(), fmt.Sprintf(
		`{"extendedTextMessage":{"text":"you three","contextInfo":{"mentionedJID":[%q,%q,%q]}}}`,
		w.account.LID(), w.bob.LID(), carol.LID()), `{"addressing":"lid"}`)
	mentioned := func() string {
		return value[string](w.instance, `select coalesce(max((payload->'args'->0->'mentionedIds')::text), '') from events
			where type = 'message' and payload->'args'->0->'id'->>'id' = $1`, sent.ID)
	}
	w.eventually("the message", func() bool { return mentioned() != "" })
	want := fmt.Sprintf(`["%s@c.us","%s@c.us","%s"]`, w.account.Number(), w.bob.Number(), carol.LID())
	if got := mentioned(); got != want {
		t.Errorf("mentioned %s, want %s", got, want)
	}
	told := func() int {
		return value[int](w.instance, `select count(*)::int from events where type = 'contact_identity'
			and payload->'args'->0->>'id' = $1 and payload->'args'->0->>'lid' = $2`, carol.Number()+"@c.us", carol.LID().String())
	}
	if told() != 0 {
		t.Error("a number was told that nobody knows")
	}
	// Her first message has both of her ids in its envelope.
	composetest.Message(t, w.sim, carol.Number(), w.account.Number(), `{"conversation":"it is me"}`, ``)
	w.eventually("her identity", func() bool { return told() == 1 })
	composetest.Message(t, w.sim, carol.Number(), w.account.Number(), `{"conversation":"me again"}`, ``)
	w.received("it is me", "me again")
	if n := told(); n != 1 {
		t.Errorf("told %d times", n)
	}
}
