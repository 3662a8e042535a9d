package worker_test

import (
	"os"
	"strings"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// A worker whose generation was raised over is let into the database no more:
// it ends by itself, and nothing that it was given meanwhile is acknowledged
// without being recorded.
func TestAWorkerThatIsBarredEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, device := w.paired()
	w.say("before")
	w.received("before")
	w.raise()
	w.say("after")
	if code := p.exited(); code == workerv1.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if words, ok := w.lastWords(); !ok || words.Reason != "barred" {
		t.Errorf("last words: %+v %v", words, ok)
	}
	next := w.startRaised().attach()
	next.state(online)
	w.received("before", "after")
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}

// The tables of a database that no manager of this build has opened.
func TestAWorkerMakesNoTables(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	i.raise()
	i.exec("update whatsmeow.whatsmeow_version set version = 3")
	p := i.startRaised()
	if code := p.exited(); code == workerv1.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if words, ok := i.lastWords(); !ok || words.Reason != "old_database" {
		t.Errorf("last words: %+v %v", words, ok)
	}
}

// A right that is missing for a while costs no message.
func TestAMissingRightLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	_, device := w.paired()
	w.say("before")
	w.received("before")
	group := value[string](w.instance, `select rolname::text from pg_roles where starts_with(rolname, 'wam_' || substr(md5(current_database()), 1, 8)) and rolname ~ 'workers$'`)
	all := []string{"before"}
	for _, table := range []string{"whatsmeow.whatsmeow_sessions", "messages"} {
		w.sub(table, func(t *testing.T) {
			w.exec("revoke insert on " + table + " from " + group)
			text := "without " + table
			w.say(text)
			w.eventually("the worker notices", func() bool {
				log, err := os.ReadFile(w.log)
				return err == nil && strings.Contains(string(log), "permission denied for table "+strings.TrimPrefix(table, "whatsmeow."))
			})
			if device.Pending() == 0 {
				t.Errorf("%s was acknowledged and is not recorded", text)
			}
			w.exec("grant insert on " + table + " to " + group)
			all = append(all, text)
			w.received(all...)
		})
	}
	if err := device.WaitIdle(w.ctx); err != nil {
		t.Error(err)
	}
}
