package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// burst has the contact send n texts, and calls at after the given number of them.
func (w *world) burst(n, when int, at func()) []string {
	w.t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("burst %03d", i)
		w.say(texts[i])
		if i == when {
			at()
		}
	}
	return texts
}

func TestWorkerKilledInABurst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	texts := w.burst(60, 20, func() { p.kill() })
	p = w.start().attach()
	p.state(online)
	w.received(texts...)
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

func TestPostgresRestartedInABurst(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	for _, mode := range []string{"fast", "immediate"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, server.NewURL())
			p, device := w.paired()
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				p.link("the outage", func(l *workerv1.Link) bool { return l.GetReason() == "database_unavailable" })
			}()
			texts := w.burst(60, 20, func() { server.Stop(mode) })
			<-watched
			server.Start()
			p.state(online)
			w.received(texts...)
			if err := device.WaitIdle(w.ctx); err != nil {
				t.Error(err)
			}
			if stats, err := p.Stats(w.ctx, &workerv1.StatsRequest{}); err != nil || stats.GetHandlerFailures() != 0 {
				t.Errorf("%s: stats: %v, %v", mode, stats, err)
			}
			p.kill()
		})
	}
}

// A long outage takes the link down, so that WhatsApp keeps the messages.
func TestPostgresAwayForLong(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	w := newWorld(t, server.NewURL())
	p, device := w.paired()
	server.Stop("fast")
	texts := w.burst(10, -1, nil)
	if err := device.WaitDisconnected(w.ctx); err != nil {
		t.Fatal(err)
	}
	texts = append(texts, "while nobody listens")
	w.say("while nobody listens")
	if link := p.state(away); link.GetReason() != "database_unavailable" {
		t.Errorf("link: %v", link)
	}
	server.Start()
	p.state(online)
	w.received(texts...)
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

// Postgres answers, but has no room: what arrives waits for it, in order.
func TestNoRoomInTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	_, device := w.paired()
	w.say("before")
	w.received("before")
	w.exec("create sequence refusals")
	w.exec(`create function no_room() returns trigger language plpgsql security definer as $$
		begin perform nextval('public.refusals'); raise exception 'no space left' using errcode = '53100'; end $$`)
	w.exec("create trigger no_room before insert on whatsmeow.whatsmeow_sessions execute function no_room()")
	texts := w.burst(10, -1, nil)
	w.eventually("whatsmeow was refused several times", func() bool {
		return value[int64](w.instance, "select case when is_called then last_value else 0 end from refusals") >= 6
	})
	if pending := device.Pending(); pending < len(texts) {
		t.Errorf("%d of %d messages were acknowledged although nothing could be written", len(texts)-pending, len(texts))
	}
	w.exec("drop trigger no_room on whatsmeow.whatsmeow_sessions")
	w.received(texts...)
	next := 0
	for _, e := range w.events() {
		if body, ok := strings.CutPrefix(e, "message "); ok && next < len(texts) && body != "before" {
			if body != texts[next] {
				t.Errorf("%q came where %q should", body, texts[next])
			}
			next++
		}
	}
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

func TestStartsWithoutDatabase(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	w := newWorld(t, server.NewURL())
	w.raise()
	// The generation is raised, then the database goes away before the worker looks.
	server.Stop("fast")
	p := w.startRaised().attach()
	link := p.link("the reason", func(l *workerv1.Link) bool { return l.GetReason() == "database_unavailable" })
	if link.GetState() != connecting {
		t.Errorf("link: %v", link)
	}
	server.Start()
	p.state(pairing)
}

// A handler that panics leaves its message with WhatsApp and disturbs no other.
func TestPanickingHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, panicText+"=poison")
	p, device := w.paired()
	w.say("before")
	w.say("poison")
	w.say("after")
	w.received("before", "after")
	if n := w.bodies()["poison"]; n != 0 {
		t.Errorf("the text that made the handler panic is in the feed %d times", n)
	}
	stats, err := p.Stats(w.ctx, &workerv1.StatsRequest{})
	if err != nil || stats.GetHandlerFailures() != 1 {
		t.Errorf("stats: %v, %v", stats, err)
	}
	if pending := device.Pending(); pending != 1 {
		t.Errorf("%d messages unacknowledged", pending)
	}
	device.Drop()
	w.received("poison")
	if err = device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

// The connection dies while app state and history come in.
func TestBootstrapInterrupted(t *testing.T) {
	t.Parallel()
	for after := range 4 {
		t.Run(fmt.Sprintf("%dms", after*60), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.NewURL(t))
			p := w.start().attach()
			device := w.scan(p)
			timer := time.NewTimer(time.Duration(after) * 60 * time.Millisecond)
			<-timer.C
			device.Drop()
			if after%2 == 1 {
				p.kill()
				p = w.start().attach()
			}
			p.state(online)
			t.Cleanup(func() {
				t.Logf("collections %v, chats %d, messages %d, keys %d, pending %d",
					value[[]string](w.instance, "select coalesce(array_agg(name || ' ' || version), '{}') from whatsmeow.whatsmeow_app_state_version"),
					value[int](w.instance, "select count(*)::int from chats"), value[int](w.instance, "select count(*)::int from messages"),
					value[int](w.instance, "select count(*)::int from whatsmeow.whatsmeow_app_state_sync_keys"), device.Pending())
			})
			w.eventually("all collections and the history", func() bool {
				return value[int](w.instance, "select count(*)::int from whatsmeow.whatsmeow_app_state_version where version > 0") == 5 &&
					value[int](w.instance, "select count(*)::int from chats") >= 2
			})
			if err := device.WaitIdle(w.ctx); err != nil {
				t.Error(err)
			}
			w.eventually("ready in the feed", func() bool { return strings.Contains(strings.Join(w.events(), " "), "ready") })
		})
	}
}
