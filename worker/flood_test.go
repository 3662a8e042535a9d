package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/store/storetest"
)

// What whatsmeow's queue cannot hold while the handler waits stays with
// WhatsApp: nothing overtakes, and that the connection is not read meanwhile is
// not taken for its death.
func TestMoreThanTheQueueHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, keepAlive+"=1s", silence+"=4s")
	_, device := w.paired()
	w.say("before")
	w.received("before")
	conn, err := pgx.Connect(w.ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(w.ctx))
	tx, err := conn.Begin(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tx.Exec(w.ctx, "lock table messages in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	logins := device.Logins()
	const more = 2048 + 500
	texts := w.burst(more, -1, nil)
	w.eventually("three keep-alives without an answer", func() bool {
		log, err := os.ReadFile(w.log)
		return err == nil && strings.Count(string(log), "Keepalive timed out") >= 3
	})
	if err = tx.Rollback(w.ctx); err != nil {
		t.Fatal(err)
	}
	if err = device.WaitIdle(w.ctx); err != nil {
		t.Fatalf("%v; %d of %d unacknowledged", err, device.Pending(), more)
	}
	var got []string
	for _, e := range w.events() {
		if body, ok := strings.CutPrefix(e, "message "); ok && body != "before" {
			got = append(got, body)
		}
	}
	if !slices.Equal(got, texts) {
		for i := range min(len(got), len(texts)) {
			if got[i] != texts[i] {
				t.Fatalf("%d of %d came; number %d is %q", len(got), len(texts), i, got[i])
			}
		}
		t.Errorf("%d of %d came", len(got), len(texts))
	}
	if now := device.Logins(); now != logins {
		t.Errorf("the connection was made anew %d times", now-logins)
	}
}

// A worker takes no more a second than it is told to, and all in the end. It
// stands back behind other processes meanwhile.
func TestTakesMessagesAtItsPace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.boot.InboundPerSecond = 40
	p, device := w.paired()
	niceness := func(want string) bool {
		said, err := os.ReadFile(fmt.Sprintf("/proc/%d/autogroup", p.cmd.Process.Pid))
		if errors.Is(err, os.ErrNotExist) {
			return true // this kernel does not group by session
		}
		return err == nil && strings.HasSuffix(strings.TrimSpace(string(said)), " nice "+want)
	}
	w.eventually("the worker is like any other", func() bool { return niceness("0") })
	const texts, atOnce = 60, 10
	sent := w.burst(texts, -1, nil)
	w.eventually("the worker stands back", func() bool { return niceness("19") })
	w.received(sent...)
	w.eventually("the worker is like any other again", func() bool { return niceness("0") })
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
	took := value[float64](w.instance, "select extract(epoch from max(at) - min(at))::float8 from events where type = 'message'")
	if least := float64(texts-atOnce-1) / 40; took < least {
		t.Errorf("%d messages in %.2f s, not in %.2f s or more", texts, took, least)
	}
}
