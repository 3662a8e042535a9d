package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
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

// A connection that dies while codes show is found as any other, by each of the
// two ways, and there are fresh codes, that can be scanned. One that lives keeps
// its codes: WhatsApp answers keep-alives before the login, too.
func TestDeadWhileCodesShow(t *testing.T) {
	t.Parallel()
	for reason, env := range map[string][]string{
		"keepalive_timeout": {keepAlive + "=1s"},
		"silent":            {keepAlive + "=1s", silence + "=3s"}, // two keep-alives are missed after four
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.NewURL(t))
			w.env = append(w.env, env...)
			p := w.start().attach()
			before := p.state(pairing)
			const answers = 4 // more than may be missed, and over a longer time than the silence
			var heard time.Time
			n := 0
			w.eventually("answers to keep-alives", func() bool {
				ping, err := p.Ping(w.ctx, &workerv1.PingRequest{})
				if at := ping.GetLastFrameAt().AsTime(); err == nil && !at.Equal(heard) {
					heard, n = at, n+1
				}
				return n > answers
			})
			if link := p.state(pairing); link.GetQr() != before.GetQr() {
				t.Fatalf("a live connection got other codes: %v", link)
			}
			w.sim.BlackHoleCodes()
			began := time.Now()
			p.link("the dead connection", func(l *workerv1.Link) bool { return l.GetReason() == reason })
			link := p.link("fresh codes", func(l *workerv1.Link) bool { return l.GetQr() != "" && l.GetQr() != before.GetQr() })
			if took := time.Since(began); took > 20*time.Second || link.GetReason() != "" {
				t.Errorf("mended after %v: %v", took, link)
			}
			w.scan(p)
			p.state(online)
		})
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

// A connection that dies before WhatsApp has said hello is dialled again at
// once; whatsmeow would wait for 20 s.
func TestDropInTheHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	w.sim.DropHandshakes(2)
	began := time.Now()
	logins := device.Logins()
	device.Drop()
	w.say("while nobody shakes hands")
	if err := device.WaitLogins(w.ctx, logins+1); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("logged in again after %v", took)
	}
	p.state(online)
	w.received("while nobody shakes hands")
	// The clients left behind are no reason not to end.
	began = time.Now()
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	if code := p.exited(); code != 0 || time.Since(began) > 5*time.Second {
		t.Errorf("ended with %d after %v", code, time.Since(began))
	}
}

// whatsmeow says that it is logged in from the first login on. While the next
// login is not through, or refused, calls are told so at once.
func TestNotLoggedInYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	ask := func(method string, params ...any) (string, error) {
		raw, _ := json.Marshal(params)
		began := time.Now()
		resp, err := p.Call(w.ctx, &workerv1.CallRequest{Method: method, Params: raw})
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s answered after %v", method, took)
		}
		return string(resp.GetResult()), fault.FromGRPC("test", err)
	}
	if said, err := ask("whatsmeow.IsLoggedIn"); said != "true" || err != nil {
		t.Fatalf("logged in: %s %v", said, err)
	}
	logins := device.Logins()
	device.Delay(3 * time.Second) // what comes before "success" does not wait
	device.Drop()
	if err := device.WaitLogins(w.ctx, logins+1); err != nil {
		t.Fatal(err)
	}
	w.eventually("connected, not logged in", func() bool {
		said, err := ask("whatsmeow.IsConnected")
		return said == "true" && err == nil
	})
	if said, err := ask("whatsmeow.IsLoggedIn"); said != "false" || err != nil {
		t.Errorf("before the login is through: %s %v", said, err)
	}
	if said, err := ask("sendMessage", "15550000999@c.us", "too early"); !fault.Is(err, fault.Offline) {
		t.Errorf("a send before the login is through: %s %v", said, err)
	}
	device.Delay(0)
	p.state(online)

	w.account.RefuseLogin(409, 1)
	device.Drop()
	p.state(refused)
	if said, err := ask("whatsmeow.IsLoggedIn"); said != "false" || err != nil {
		t.Errorf("after a refused login: %s %v", said, err)
	}
	var f *fault.Error
	if said, err := ask("sendMessage", "15550000999@c.us", "refused"); !errors.As(err, &f) || f.Kind != fault.Offline || f.Code != "connect_failure" {
		t.Errorf("a send after a refused login: %s %v", said, err)
	}
}

// A handler that cannot record its message within the limit gives it back.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, handling+"=4s")
	_, device := w.paired()
	conn, err := pgx.Connect(w.ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tx.Exec(w.ctx, "lock table events in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	logins := device.Logins()
	w.say("in the way")
	w.eventually("the handler gives up", func() bool {
		log, err := os.ReadFile(w.log)
		return err == nil && regexp.MustCompile(`"event":"\*events.Message".*"event not recorded"`).Match(log)
	})
	if device.Pending() == 0 {
		t.Error("the message was acknowledged")
	}
	if err = tx.Rollback(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.say("behind it")
	if err = device.WaitLogins(w.ctx, logins+1); err != nil {
		t.Fatal(err)
	}
	if err = device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
	// Postgres may have written what was given up, too: it comes again, and once is enough.
	w.received("in the way", "behind it")
}

// One that waits for what never comes ends the worker, and the next one gets
// the message.
func TestStuckHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	plain := w.env
	w.env = append(w.env, handling+"=1s", stuckText+"=glue")
	p, device := w.paired()
	w.say("glue")
	if code := p.exited(); code == 0 {
		t.Error("the worker ended as if it had been asked to")
	}
	if words, ok := w.lastWords(); !ok || words.Reason != "handler_stuck" {
		t.Errorf("last words: %+v %v", words, ok)
	}
	w.say("behind it")
	w.env = plain
	w.start().attach().state(online)
	w.received("glue", "behind it")
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

// A server that takes the connection and never answers is not waited for for ever.
func TestUpgradeWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	w.sim.StallUpgrade(1)
	logins := device.Logins()
	device.Drop()
	if link := p.link("no answer", func(l *workerv1.Link) bool { return l.GetReason() == "unreachable" }); link.GetState() != away {
		t.Errorf("link: %v", link)
	}
	if err := device.WaitLogins(w.ctx, logins+1); err != nil {
		t.Fatal(err)
	}
	p.state(online)
}

// A history that cannot be downloaded for longer than the handler tries comes
// later, although the connection never broke.
func TestHistoryThatCannotBeDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.env = append(w.env, handling+"=5s")
	w.sim.Media().Refuse(http.StatusServiceUnavailable)
	p := w.start().attach()
	device := w.scan(p)
	w.eventually("the handler gives up", func() bool {
		stats, err := p.Stats(w.ctx, &workerv1.StatsRequest{})
		return err == nil && stats.GetHandlerFailures() > 0
	})
	w.sim.Media().Refuse(0)
	w.eventually("the history", func() bool {
		return value[int](w.instance, "select count(*)::int from messages") >= 6
	})
	p.state(online)
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

// Settings that WhatsApp does not hand out when they are fetched first, nor when
// that is made up for, come later, although the connection holds.
func TestSettingsThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p := w.start().attach()
	w.account.IQError("w:sync:app:state", 503, 12) // of five collections
	device := w.scan(p)
	device.Drop()
	w.eventually("all collections", func() bool {
		return value[int](w.instance, "select count(*)::int from whatsmeow.whatsmeow_app_state_version where version > 0") == 5
	})
	p.state(online)
}

// The stream error of a connection that is gone may be handled when the next one
// is long logged in: it says nothing about that one.
func TestLateStreamError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	for round := range 4 { // whether whatsmeow still handles it is chance
		conn, err := pgx.Connect(w.ctx, w.url)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := conn.Begin(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tx.Exec(w.ctx, "lock table messages in access exclusive mode"); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("held up %d", round)
		w.say(text)
		w.eventually("the handler waits", func() bool {
			return value[bool](w.instance, "select exists (select 1 from pg_locks where not granted and relation = 'messages'::regclass and database = (select oid from pg_database where datname = current_database()))")
		})
		logins := device.Logins()
		device.StreamError(503)
		if err = device.WaitLogins(w.ctx, logins+1); err != nil {
			t.Fatal(err)
		}
		if err = tx.Rollback(w.ctx); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close(w.ctx)
		p.state(online)
		w.received(text)
		if err = device.WaitIdle(w.ctx); err != nil {
			t.Fatal(err)
		}
		resp, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: []byte(`["15550000999@c.us","after that"]`)})
		if err != nil {
			t.Fatalf("round %d: %v %v", round, resp, err)
		}
	}
}
