package worker_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

const (
	unpaired   = workerv1.LinkState_LINK_STATE_UNPAIRED
	pairing    = workerv1.LinkState_LINK_STATE_PAIRING
	connecting = workerv1.LinkState_LINK_STATE_CONNECTING
	online     = workerv1.LinkState_LINK_STATE_ONLINE
	away       = workerv1.LinkState_LINK_STATE_OFFLINE
	loggedOut  = workerv1.LinkState_LINK_STATE_LOGGED_OUT
	refused    = workerv1.LinkState_LINK_STATE_REFUSED
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	device.ReplaceStream()
	if link := p.state(refused); link.GetReason() != "stream_replaced" || link.GetWaState() != "CONFLICT" {
		t.Errorf("replaced: %v", link)
	}
	again := func() *process {
		p.kill()
		p = w.start().attach()
		return p
	}
	w.account.RefuseLogin(405, 1)
	if link := again().state(refused); link.GetReason() != "client_outdated" || link.GetWaState() != "DEPRECATED_VERSION" {
		t.Errorf("405: %v", link)
	}
	w.account.RefuseLogin(409, 1)
	if link := again().state(refused); link.GetReason() != "connect_failure" {
		t.Errorf("409: %v", link)
	}
	w.account.TemporaryBan(101, 2*time.Second, 1)
	link := again().state(refused)
	if link.GetReason() != "temporary_ban" || link.GetWaState() != "TOS_BLOCK" || !link.GetUntil().AsTime().After(time.Now()) {
		t.Errorf("ban: %v", link)
	}
	p.state(online) // when the ban is over
	w.said("banned banned, logged_in good")
	w.account.RefuseLogin(503, 1)
	device.Drop()
	p.state(away)
	p.state(online)
	w.account.RefuseLogin(401, 1)
	device.Drop()
	if link = p.state(loggedOut); link.GetReason() != "logged_out" {
		t.Errorf("401: %v", link)
	}
}

func TestLostConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	for n, fault := range map[string]func(){
		"reset": device.Drop, "close": device.CloseClean, "torn frame": device.DropMidFrame,
		"503": func() { device.StreamError(503) }, "515": func() { device.StreamError(515) }, "end": device.StreamEnd,
	} {
		w.sub(n, func(t *testing.T) {
			logins := device.Logins()
			fault()
			if err := device.WaitLogins(w.ctx, logins+1); err != nil {
				t.Fatalf("%s: %v", n, err)
			}
			p.state(online)
			w.say("after " + n)
			w.received("after " + n)
		})
	}
	stats, err := p.Stats(w.ctx, &workerv1.StatsRequest{})
	if err != nil || stats.GetReconnects() < 6 || stats.GetMessagesIn() < 6 || stats.GetHandlerFailures() != 0 {
		t.Errorf("stats: %v, %v", stats, err)
	}
}

// A later worker has claimed the feed, on another host say: this one ends.
func TestFencedWorkerEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	w.exec("update feeds set generation = 99")
	w.say("not for you")
	if code := p.exited(); code == 0 {
		t.Errorf("exit code %d", code)
	}
	if words, ok := w.lastWords(); !ok || words.Reason != "fenced" {
		t.Errorf("last words: %+v %v", words, ok)
	}
	if device.Pending() == 0 {
		t.Error("the message was acknowledged")
	}
}

func TestUnreachableThenThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.sim.RefuseUpgrade(503, 2)
	p := w.start().attach()
	p.state(pairing)
}

func TestFirstDialKeepsTrying(t *testing.T) {
	t.Parallel()
	p := newInstance(t, storetest.NewURL(t), offline).start().attach()
	link := p.link("the reason", func(l *workerv1.Link) bool { return l.GetReason() != "" })
	if link.GetState() != connecting || link.GetReason() != "unreachable" || link.GetWaState() != "OPENING" {
		t.Errorf("link: %v", link)
	}
}

func TestCallsGoThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	params, _ := json.Marshal([]any{"15550000999@c.us", "from the worker"})
	resp, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(resp.GetResult()), "from the worker") {
		t.Errorf("result: %s", resp.GetResult())
	}
	w.eventually("the text on the contact's phone", func() bool {
		for _, m := range w.bob.Phone().Received() {
			if m.Text == "from the worker" {
				return true
			}
		}
		return false
	})
	if _, err = p.Call(w.ctx, &workerv1.CallRequest{Method: "noSuchMethod"}); err == nil {
		t.Error("an unknown method was answered")
	}
	if raw, _ := os.ReadFile(w.log); strings.Contains(string(raw), "from the worker") {
		t.Error("a message body is in the log")
	}
}

// A message that never becomes readable is told twice: when it comes, and after
// the time in which its sender could have sent it again.
func TestUnreadableMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.paired()
	w.bob.CorruptMessages(100)
	w.say("never to be read")
	w.eventually("both events", func() bool {
		told := strings.Join(w.events(), " ")
		return strings.Contains(told, "message_ciphertext ") && strings.Contains(told, "message_ciphertext_failed")
	})
}

// How the account shows itself outlives its worker, in both ways.
func TestPresenceIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	show := func(method string) {
		if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: method}); err != nil {
			t.Fatal(err)
		}
	}
	if w.account.Online() {
		t.Error("online without having been asked to")
	}
	show("sendPresenceAvailable")
	w.eventually("online", w.account.Online)
	p.kill()
	p = w.start().attach()
	p.state(online)
	w.eventually("online again", w.account.Online)
	show("sendPresenceUnavailable")
	w.eventually("offline", func() bool { return !w.account.Online() })
	if name, err := json.Marshal([]string{"Alice's shop"}); err != nil {
		t.Fatal(err)
	} else if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "setDisplayName", Params: name}); err != nil {
		t.Fatal(err)
	}
	w.eventually("offline under the new name", func() bool { return !w.account.Online() })
}

// said wants these changes of the number's standing in the feed, with the status that
// each led to.
func (w *world) said(want string) {
	w.t.Helper()
	var got string
	w.eventually("the number's standing: "+want, func() bool {
		w.row(`select coalesce(string_agg((payload->'args'->0->>'change') || ' ' || (payload->'args'->0->>'status'), ', ' order by seq), '')
			from events where instance_id = $1 and type = 'number_health'`, []any{w.id}, &got)
		return got == want
	})
}
