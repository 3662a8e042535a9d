package worker_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
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

// world is a simulator with one account to pair with and a contact who writes.
type world struct {
	*instance
	sim     *wasim.Server
	account *wasim.Account
	bob     *wasim.Account
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	return newWorldWith(t, url, wasim.AccountOptions{Chats: 2, Messages: 3})
}

// newWorldWith is newWorld with a past of the account's own.
func newWorldWith(t *testing.T, url string, past wasim.AccountOptions) *world {
	t.Helper()
	sim := &wasim.Server{Log: zerolog.Nop()}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	<-sim.Started()
	w := &world{sim: sim, instance: newInstance(t, url, sim.Endpoint())}
	w.account = w.person("15550000001", "Alice", past)
	w.bob = w.person("15550000999", "Bob", wasim.AccountOptions{})
	return w
}

func (w *world) person(number, name string, o wasim.AccountOptions) *wasim.Account {
	w.t.Helper()
	a, err := w.sim.CreateAccount(number, name, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// scan pairs the worker with the code it shows.
func (w *world) scan(p *process) *wasim.Device {
	w.t.Helper()
	link := p.link("a code", func(l *workerv1.Link) bool { return l.GetQr() != "" })
	if err := w.account.ScanQR(w.ctx, link.GetQr()); err != nil {
		w.t.Fatalf("scan: %v", err)
	}
	devices := w.account.Devices()
	return devices[len(devices)-1]
}

// paired starts a worker and pairs it.
func (w *world) paired() (*process, *wasim.Device) {
	w.t.Helper()
	p := w.start().attach()
	device := w.scan(p)
	p.state(online)
	if err := device.WaitIdle(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return p, device
}

func (w *world) say(text string) {
	w.t.Helper()
	if _, err := w.bob.Phone().SendText(w.ctx, w.account.PN(), text); err != nil {
		w.t.Fatalf("send %q: %v", text, err)
	}
}

// events lists the feed: the type of each event, or the body of a message.
func (w *world) events() []string {
	w.t.Helper()
	return value[[]string](w.instance, `select coalesce(array_agg(case when type = 'message' then 'message ' || (payload->'data'->>'body') else type end order by seq), '{}')
		from events where type <> 'change_state' and type <> 'loading_screen'`)
}

func (w *world) bodies() map[string]int {
	count := make(map[string]int)
	for _, e := range w.events() {
		if body, ok := strings.CutPrefix(e, "message "); ok {
			count[body]++
		}
	}
	return count
}

// received waits until the feed has each text and checks that it has it once.
func (w *world) received(texts ...string) {
	w.t.Helper()
	w.eventually("all texts in the feed", func() bool {
		got := w.bodies()
		for _, text := range texts {
			if got[text] == 0 {
				return false
			}
		}
		return true
	})
	got := w.bodies()
	log, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, text := range texts {
		if got[text] != 1 {
			w.t.Errorf("%q is in the feed %d times", text, got[text])
		}
		if strings.Contains(string(log), text) {
			w.t.Errorf("%q is in the log", text)
		}
	}
	if seqs := value[bool](w.instance, "select count(*) = max(seq) and max(seq) = (select head from feeds) from events"); !seqs {
		w.t.Error("the feed has gaps")
	}
}

func (w *world) deviceJID() string {
	return value[string](w.instance, "select device_jid from instances where id = $1", w.id)
}

func TestPairByQR(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p := w.start().attach()
	shown := p.state(pairing)
	if shown.GetWaState() != "UNPAIRED" || !strings.Contains(shown.GetQr(), "2@") || !shown.GetQrExpiresAt().AsTime().After(time.Now()) {
		t.Errorf("while codes show: %v", shown)
	}
	device := w.scan(p)
	link := p.state(online)
	if link.GetJid() != w.account.PN().String() || link.GetLid() != w.account.LID().String() || link.GetDevice() != uint32(device.Number()) {
		t.Errorf("identity: %v", link)
	}
	if link.GetWaState() != "CONNECTED" || link.GetPlatform() != "android" || link.GetQr() != "" || link.GetLastFrameAt() == nil {
		t.Errorf("link: %v", link)
	}
	p.link("the push name", func(l *workerv1.Link) bool { return l.GetPushName() == "Alice" })
	if got := w.deviceJID(); got != device.JID().String() {
		t.Errorf("recorded device %q, want %q", got, device.JID())
	}
	w.say("good morning")
	w.received("good morning")
	w.eventually("session events", func() bool { return strings.HasPrefix(strings.Join(w.events(), " "), "qr authenticated ") })
	if got := strings.Join(w.events(), " "); strings.Count(got, "ready") != 1 || strings.Count(got, "authenticated") != 1 {
		t.Errorf("feed: %s", got)
	}
	ping, err := p.Ping(w.ctx, &workerv1.PingRequest{})
	if err != nil || ping.GetLink() != online || ping.GetFeedHead() == 0 || time.Since(ping.GetLastFrameAt().AsTime()) > time.Minute {
		t.Errorf("ping: %v, %v", ping, err)
	}
	if chats := value[int](w.instance, "select count(*)::int from chats"); chats < 2 {
		t.Errorf("%d chats after the history", chats)
	}
	if _, err = p.Pair(w.ctx, &workerv1.PairRequest{}); err == nil {
		t.Error("a paired worker could be paired")
	}
}

func TestRestartResumesWithoutPairing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	p.exited()
	w.say("while you slept")
	p = w.start().attach()
	link := p.state(online)
	if link.GetJid() != w.account.PN().String() || link.GetPushName() != "Alice" {
		t.Errorf("link: %v", link)
	}
	w.received("while you slept")
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
	if n := len(w.account.Devices()); n != 1 {
		t.Errorf("%d devices", n)
	}
}

func TestPairByCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p := w.start().attach()
	for _, bad := range []string{"0049123456789", "12345", "4915x123"} {
		if _, err := p.Pair(w.ctx, &workerv1.PairRequest{PhoneNumber: bad}); err == nil {
			t.Errorf("%q was taken as a phone number", bad)
		}
	}
	var resp *workerv1.PairResponse
	w.eventually("a pairing code", func() (ok bool) {
		var err error
		resp, err = p.Pair(w.ctx, &workerv1.PairRequest{PhoneNumber: "+1 555 000-0001"})
		return err == nil
	})
	if len(resp.GetCode()) != 9 || resp.GetCode()[4] != '-' || !resp.GetExpiresAt().AsTime().After(time.Now()) {
		t.Errorf("response: %v", resp)
	}
	if link := p.state(pairing); link.GetPairingCode() != resp.GetCode() {
		t.Errorf("link: %v", link)
	}
	// Dropped: QR codes again, and the code does nothing.
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{Cancel: true}); err != nil {
		t.Fatal(err)
	}
	w.eventually("no code", func() bool { link := p.state(pairing); return link.GetPairingCode() == "" && link.GetQr() != "" })
	if err := w.account.EnterCode(w.ctx, resp.GetCode()); err == nil {
		t.Error("a cancelled code paired")
	}
	// A name for the phone's list.
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{DeviceName: "Anna's bakery", Browser: "Firefox"}); err != nil {
		t.Fatal(err)
	}
	w.eventually("another code", func() bool {
		var err error
		resp, err = p.Pair(w.ctx, &workerv1.PairRequest{PhoneNumber: "+1 555 000-0001"})
		return err == nil
	})
	if err := w.account.EnterCode(w.ctx, resp.GetCode()); err != nil {
		t.Fatal(err)
	}
	p.state(online)
	if name, platform := w.account.Devices()[0].Listed(); name != "Anna's bakery" || platform != "FIREFOX" {
		t.Errorf("listed as %s %s", name, platform)
	}
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{DeviceName: "Later"}); err == nil {
		t.Error("a paired device was renamed")
	}
	w.eventually("the code event", func() bool { return strings.Contains(strings.Join(w.events(), " "), "code") })
}

func TestCodesRunOutUntilAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, codeLife+"=150ms")
	p := w.start().attach()
	link := p.state(unpaired)
	if link.GetReason() != "qr_expired" || link.GetWaState() != "UNPAIRED_IDLE" || link.GetQr() != "" {
		t.Errorf("link: %v", link)
	}
	w.eventually("the end in the feed", func() bool { return strings.HasSuffix(strings.Join(w.events(), " "), "disconnected") })
	if n := strings.Count(strings.Join(w.events(), " "), "qr"); n != 12 { // two rounds of six
		t.Errorf("%d codes", n)
	}
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{}); err != nil {
		t.Fatal(err)
	}
	w.scan(p)
	p.state(online)
}

func TestLoggedOutOnThePhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	w.say("keep this")
	w.received("keep this")
	device.LogOut()
	link := p.state(loggedOut)
	if link.GetReason() != "logged_out" || link.GetWaState() != "UNPAIRED" || link.GetJid() != "" {
		t.Errorf("link: %v", link)
	}
	w.eventually("device removed", func() bool {
		return w.deviceJID() == "" && value[int](w.instance, "select count(*)::int from whatsmeow.whatsmeow_device") == 0
	})
	if n := value[int](w.instance, "select count(*)::int from messages where body = 'keep this'"); n != 1 {
		t.Error("data was not kept")
	}
	w.eventually("the event", func() bool { return strings.HasSuffix(strings.Join(w.events(), " "), "disconnected") })
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{}); err != nil {
		t.Fatal(err)
	}
	w.scan(p)
	p.state(online)
	w.say("hello again")
	w.received("hello again")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	if _, err := p.Logout(w.ctx, &workerv1.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	if link := p.state(unpaired); link.GetReason() != "logged_out" {
		t.Errorf("link: %v", link)
	}
	if !device.Removed() {
		t.Error("WhatsApp still has the device")
	}
	if _, err := p.Logout(w.ctx, &workerv1.LogoutRequest{}); err == nil {
		t.Error("an unpaired worker could log out")
	}
	w.eventually("device forgotten", func() bool { return w.deviceJID() == "" })
	if _, err := p.Pair(w.ctx, &workerv1.PairRequest{}); err != nil {
		t.Fatal(err)
	}
	w.scan(p)
	p.state(online)
}

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
		logins := device.Logins()
		fault()
		if err := device.WaitLogins(w.ctx, logins+1); err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		p.state(online)
		w.say("after " + n)
		w.received("after " + n)
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
