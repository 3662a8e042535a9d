package worker_test

import (
	"encoding/json"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
)

// send has the worker write to somebody by number and waits until it is there.
func (w *world) send(p *process, text string) {
	w.t.Helper()
	params, _ := json.Marshal([]any{w.bob.Number() + "@c.us", text})
	if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params}); err != nil {
		w.t.Fatalf("send %q: %v", text, err)
	}
	w.eventually("the text on the contact's phone", func() bool {
		for _, m := range w.bob.Phone().Received() {
			if m.Text == text {
				return true
			}
		}
		return false
	})
}

// A worker pairs, takes in a history, sends, receives and starts again without
// the table of pairs that all accounts share: it has pairs of its own.
func TestTheSharedTableOfPairsIsNotNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p := w.start().attach()
	p.link("a code", func(l *workerv1.Link) bool { return l.GetQr() != "" }) // whatsmeow's tables are there
	w.exec("drop table whatsmeow.whatsmeow_lid_map")
	device := w.scan(p)
	p.state(online)
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.send(p, "to somebody new")
	w.say("and back")
	w.received("and back")
	for what, pair := range map[string][2]string{
		"its own":           {w.account.LID().User, w.account.PN().User},
		"somebody it met":   {w.bob.LID().User, w.bob.PN().User},
		"one of the past's": {w.sim.Account("155500000010001").LID().User, "155500000010001"},
	} {
		if !value[bool](w.instance, "select exists (select from lid_pairs where instance_id = $1 and lid = $2 and pn = $3 and not hint)", w.id, pair[0], pair[1]) {
			t.Errorf("%s pair is not there", what)
		}
	}
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	p.exited()
	p = w.start().attach()
	p.state(online)
	w.send(p, "after a restart")
}

// What a phone has told about who is who is no more than a hint once its device
// is gone; who is written to again is asked for again.
func TestPairsAreHintsAfterALogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	w.send(p, "before")
	if _, err := p.Logout(w.ctx, &workerv1.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	w.eventually("only hints", func() bool {
		return value[bool](w.instance, "select count(*) > 1 and bool_and(hint) from lid_pairs where instance_id = $1", w.id)
	})
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{}); err != nil {
		t.Fatal(err)
	}
	device := w.scan(p)
	p.state(online)
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.send(p, "after")
	for _, who := range []string{w.account.PN().User, w.bob.PN().User} {
		if value[bool](w.instance, "select hint from lid_pairs where instance_id = $1 and pn = $2", w.id, who) {
			t.Errorf("%s is a hint still", who)
		}
	}
}

// A hint, which may be somebody else's word, never decides where a message goes.
func TestAHintDoesNotDirectMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	thief := w.person("15550000888", "Thief", wasim.AccountOptions{})
	p, _ := w.paired()
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	p.exited()
	w.exec("insert into lid_pairs (instance_id, lid, pn, hint) values ($1, $2, $3, true)", w.id, thief.LID().User, w.bob.PN().User)
	p = w.start().attach()
	p.state(online)
	w.send(p, "for Bob only")
	if n := len(thief.Phone().Received()); n != 0 {
		t.Errorf("the thief got %d messages", n)
	}
	if got := value[string](w.instance, "select lid from lid_pairs where instance_id = $1 and pn = $2 and not hint", w.id, w.bob.PN().User); got != w.bob.LID().User {
		t.Errorf("Bob's LID is %s now", got)
	}
}
