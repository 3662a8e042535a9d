package worker_test

import (
	"fmt"
	"testing"
	"time"

	"whatsapp-manager/supervisor/store/storetest"
)

// A connection that is open and dead is noticed by what it does not answer.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, keepAlive+"=300ms")
	p, device := w.paired()
	device.BlackHole()
	if link := p.state(away); link.GetReason() != "keepalive_timeout" {
		t.Errorf("link: %v", link)
	}
	w.say("into the hole")
	p.state(online)
	w.received("into the hole")
}

// One that nothing comes from is noticed by that alone: the keep-alives are the
// shipped ones here and would take longer than this test.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, silence+"=3s")
	p, device := w.paired()
	device.BlackHole()
	began := time.Now()
	if link := p.state(away); link.GetReason() != "silent" {
		t.Errorf("link: %v", link)
	}
	w.say("into the silence")
	p.state(online)
	w.received("into the silence")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("mended after %v", took)
	}
}

// After a frame that does not decrypt whatsmeow can read nothing more on the
// connection, and says so in its log only. That is heard at once: the
// keep-alives, which find it too, are the shipped ones here.
func TestDeafAfterGarbage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	for n := range 2 {
		logins := device.Logins()
		began := time.Now()
		device.Garbage(40)
		text := fmt.Sprint("unreadable ", n)
		w.say(text)
		if err := device.WaitLogins(w.ctx, logins+1); err != nil {
			t.Fatal(err)
		}
		p.state(online)
		w.received(text)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("mended after %v", took)
		}
	}
}
