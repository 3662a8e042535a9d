package worker_test

import (
	"strings"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

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
	w.eventually("link events", func() bool { return strings.HasPrefix(strings.Join(w.events(), " "), "qr authenticated ") })
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
		w.sub(bad, func(t *testing.T) {
			if _, err := p.Pair(w.ctx, &workerv1.PairRequest{PhoneNumber: bad}); err == nil {
				t.Errorf("%q was taken as a phone number", bad)
			}
		})
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
