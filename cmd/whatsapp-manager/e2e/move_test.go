package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// A live account moves from one installation to another without a new QR code:
// what was sent to it before, on the way and afterwards is there exactly once,
// and the old installation stays away from it.
func TestMoveToAnotherServer(t *testing.T) {
	t.Parallel()
	from, to := start(t), start(t, "WAM_HEALTH_INTERVAL=1s", "WAM_NODE_ID=elsewhere")
	account, friend := person(t, "Traveller", wasim.AccountOptions{}), person(t, "Friend", wasim.AccountOptions{})
	old := link(t, from, account)
	hook := receiver(t)
	old.hook(t, hook, "message")
	ctx := deadline(t, 2*time.Minute)

	say(t, friend, account.PN(), "before")
	must(t, hook.Wait(ctx, "the first message is delivered", heard("before")))
	old.text(t, wid(friend), "sent from the old server")
	wait(t, friend.Phone(), "what the old server sent",
		func(r phone.Received) bool { return r.Text == "sent from the old server" })

	dir := t.TempDir()
	secret, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "traveller.wam")
	must(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))
	said, err := from.Run(ctx, "instances", "export", old.id, file, "--move", "--passphrase-file", secret)
	must(t, err)
	t.Log(said)
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "before") ||
		strings.Contains(string(text), account.Number()) {
		t.Errorf("the file shows what is in it: %v", err)
	}
	stays(t, old)

	say(t, friend, account.PN(), "on the way")
	from.Signal(syscall.SIGTERM)
	must(t, from.WaitManager(ctx))
	must(t, from.StartManager())
	must(t, from.Ready(ctx))
	stays(t, old)

	wrong := filepath.Join(dir, "wrong")
	must(t, os.WriteFile(wrong, []byte("incorrect horse battery\n"), 0o600))
	if said, err := to.Run(ctx, "instances", "import", file, "--passphrase-file", wrong); err == nil ||
		!strings.Contains(said, "passphrase") {
		t.Errorf("import with another passphrase: %v, %s", err, said)
	}
	said, err = to.Run(ctx, "instances", "import", file, "--passphrase-file", secret)
	must(t, err)
	t.Log(said)
	if said, err := to.Run(ctx, "instances", "import", file, "--passphrase-file", secret); err == nil ||
		!strings.Contains(said, "here already") {
		t.Errorf("second import: %v, %s", err, said)
	}
	_, err = to.Client.Ready(ctx, old.id)
	must(t, err)
	now := &linked{Account: account, stack: to, id: old.id, key: old.key}

	must(t, hook.Wait(ctx, "what came on the way is delivered", heard("on the way")))
	say(t, friend, account.PN(), "after")
	must(t, hook.Wait(ctx, "what came afterwards is delivered", heard("after")))
	now.text(t, wid(friend), "sent from the new server")
	wait(t, friend.Phone(), "what the new server sent",
		func(r phone.Received) bool { return r.Text == "sent from the new server" })

	all := []string{"before", "on the way", "after"}
	if got := incoming(t, now.events(t)); !slices.Equal(got, all) {
		t.Errorf("the feed has %q, want %q", got, all)
	}
	if got := incoming(t, hook.Events()); !slices.Equal(got, all) {
		t.Errorf("the webhook got %q, want %q", got, all)
	}
	var messages []stack.Message
	now.call(t, "Chat.fetchMessages", &messages, wid(friend), map[string]any{"limit": 50})
	var mirrored []string
	for _, m := range messages {
		mirrored = append(mirrored, m.Body)
	}
	if want := []string{
		"before", "sent from the old server", "on the way", "after",
		"sent from the new server",
	}; !slices.Equal(mirrored, want) {
		t.Errorf("the chat has %q, want %q", mirrored, want)
	}

	// The old server forgets it without logging it out.
	stays(t, old)
	must(t, from.Client.Want(ctx, http.StatusNoContent, http.MethodDelete, "/api/instances/"+old.id, nil, nil))
	now.text(t, wid(friend), "still here")
	wait(t, friend.Phone(), "what the new server sent at last",
		func(r phone.Received) bool { return r.Text == "still here" })
}

// stays fails unless the instance stands still and cannot be started.
func stays(t *testing.T, l *linked) {
	t.Helper()
	ctx := deadline(t, 20*time.Second)
	answer, err := l.stack.Client.Do(ctx, http.MethodPost, "/api/instances/"+l.id+"/start", nil)
	must(t, err)
	if answer.Status != http.StatusConflict {
		t.Errorf("start of what was moved away: %d %s", answer.Status, answer.Body)
	}
	if _, err := l.stack.Client.Until(ctx, l.id, "stopped",
		func(in stack.Instance) bool { return in.State == "stopped" }); err != nil {
		t.Error(err)
	}
	if pids := l.stack.Workers()[l.id]; len(pids) != 0 {
		t.Errorf("workers %v of what was moved away", pids)
	}
}

func heard(text string) func([]stack.Event) bool {
	return func(events []stack.Event) bool {
		return slices.ContainsFunc(events, func(e stack.Event) bool {
			m, err := e.Message()
			return err == nil && m.Body == text
		})
	}
}

// incoming is the text of all message events, in order.
func incoming(t *testing.T, events []stack.Event) (texts []string) {
	t.Helper()
	for _, e := range events {
		if e.Event != "message" {
			continue
		}
		m, err := e.Message()
		must(t, err)
		texts = append(texts, m.Body)
	}
	return texts
}

// Messages that arrive while the account moves are neither lost nor doubled:
// those the old worker was at are WhatsApp's until one of the two has them.
func TestMoveInTraffic(t *testing.T) {
	t.Parallel()
	from, to := start(t), start(t, "WAM_HEALTH_INTERVAL=1s", "WAM_NODE_ID=elsewhere")
	account, friend := person(t, "Traveller", wasim.AccountOptions{}), person(t, "Talker", wasim.AccountOptions{})
	old := link(t, from, account)
	ctx := deadline(t, 2*time.Minute)

	talking, enough := context.WithCancel(ctx)
	var want []string
	var talk sync.WaitGroup
	t.Cleanup(func() { enough(); talk.Wait() })
	talk.Go(func() {
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-talking.Done():
				return
			case <-tick.C:
			}
			text := fmt.Sprint("number ", len(want))
			if _, err := friend.Phone().SendText(ctx, account.PN(), text); err != nil {
				t.Error(err)
				return
			}
			// A machine that is busy takes its time for the move, and could not read at this
			// pace what piled up meanwhile.
			if want = append(want, text); len(want) == 300 {
				tick.Reset(150 * time.Millisecond)
			}
		}
	})
	eventually(t, 20*time.Second, "some messages before the move",
		func() bool { return len(incoming(t, old.events(t))) > 20 })
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "traveller.wam")
	must(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))
	_, err := from.Run(ctx, "instances", "export", old.id, file, "--move", "--passphrase-file", secret)
	must(t, err)
	_, err = to.Run(ctx, "instances", "import", file, "--passphrase-file", secret)
	must(t, err)
	_, err = to.Client.Ready(ctx, old.id)
	must(t, err)
	now := &linked{Account: account, stack: to, id: old.id, key: old.key}
	moved := len(incoming(t, now.events(t)))
	eventually(t, 20*time.Second, "some messages after the move",
		func() bool { return len(incoming(t, now.events(t))) > moved+20 })
	enough()
	talk.Wait()
	var got []string
	eventually(t, 30*time.Second, "as many messages as were sent", func() bool {
		got = incoming(t, now.events(t))
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("of %d messages the new server has %d, or in another order:\n%q", len(want), len(got), got)
	}
	t.Logf("%d messages, %d of them before the new server was ready", len(want), moved)
	if pids := from.Workers()[old.id]; len(pids) != 0 {
		t.Errorf("workers %v at the old server", pids)
	}
}

// A copy is made beside a running manager, and taken in again after the
// original is gone; with the manager down everything works as well.
func TestCopyIsABackup(t *testing.T) {
	t.Parallel()
	s := start(t)
	account, friend := person(t, "Careful", wasim.AccountOptions{}), person(t, "Friend", wasim.AccountOptions{})
	l := link(t, s, account)
	ctx := deadline(t, 2*time.Minute)
	say(t, friend, account.PN(), "worth keeping")
	eventually(t, 20*time.Second, "the message in the feed", func() bool { return heard("worth keeping")(l.events(t)) })
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "careful.wam")
	must(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))

	before, err := s.Client.Instance(ctx, l.id)
	must(t, err)
	_, err = s.Run(ctx, "instances", "export", l.id, file, "--copy", "--passphrase-file", secret)
	must(t, err)
	if said, err := s.Run(ctx, "instances", "export", l.id, file, "--copy", "--passphrase-file", secret); err == nil ||
		!strings.Contains(said, "there already") {
		t.Errorf("export over a file: %v, %s", err, said)
	}
	if after, err := s.Client.Instance(ctx, l.id); err != nil || after.PID != before.PID || after.Status != "ready" {
		t.Errorf("the original after the copy: %+v, %v", after, err)
	}
	must(t, s.Client.Want(ctx, http.StatusNoContent, http.MethodDelete, "/api/instances/"+l.id, nil, nil))

	s.Signal(syscall.SIGINT)
	must(t, s.WaitManager(ctx))
	if said, err := s.Run(ctx, "instances", "import", file, "--passphrase-file", secret, "--owner",
		"nobody@example.org"); err == nil || !strings.Contains(said, "nobody@example.org") {
		t.Errorf("import for nobody: %v, %s", err, said)
	}
	_, err = s.Run(ctx, "instances", "import", file, "--passphrase-file", secret)
	must(t, err)
	if pid := s.Postgres(); pid != 0 {
		t.Errorf("the private Postgres %d was left running", pid)
	}
	must(t, s.StartManager())
	must(t, s.Ready(ctx))
	if got, err := s.Client.Instance(ctx, l.id); err != nil || got.Status != "stopped" {
		t.Errorf("the restored copy: %+v, %v", got, err)
	}
	if !heard("worth keeping")(l.events(t)) {
		t.Error("the restored feed lacks the message")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}
