package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/whatsapp-manager/e2e/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// A live account moves from one installation to another without a new QR code:
// what was sent to it before, on the way and afterwards is there exactly once,
// and the old installation stays away from it.
func TestMoveToAnotherServer(t *testing.T) {
	from, to := start(t), start(t, "WAM_HEALTH_INTERVAL=1s")
	account, friend := person(t, "Traveller", wasim.AccountOptions{}), person(t, "Friend", wasim.AccountOptions{})
	old := link(t, from, account)
	hook := receiver(t)
	old.hook(t, hook, "message")
	ctx := deadline(t, 2*time.Minute)

	say(t, friend, account.PN(), "before")
	must(t, hook.Wait(ctx, "the first message is delivered", heard("before")))
	old.text(t, wid(friend), "sent from the old server")
	wait(t, friend.Phone(), "what the old server sent", func(r phone.Received) bool { return r.Text == "sent from the old server" })

	dir := t.TempDir()
	secret, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "traveller.wam")
	must(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))
	said, err := from.Run(ctx, "instances", "export", old.id, file, "--move", "--passphrase-file", secret)
	must(t, err)
	t.Log(said)
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "before") || strings.Contains(string(text), account.Number()) {
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
	if said, err := to.Run(ctx, "instances", "import", file, "--passphrase-file", wrong); err == nil || !strings.Contains(said, "passphrase") {
		t.Errorf("import with another passphrase: %v, %s", err, said)
	}
	said, err = to.Run(ctx, "instances", "import", file, "--passphrase-file", secret)
	must(t, err)
	t.Log(said)
	if said, err := to.Run(ctx, "instances", "import", file, "--passphrase-file", secret); err == nil || !strings.Contains(said, "here already") {
		t.Errorf("second import: %v, %s", err, said)
	}
	_, err = to.Client.Ready(ctx, old.id)
	must(t, err)
	now := &linked{Account: account, stack: to, id: old.id, key: old.key}

	must(t, hook.Wait(ctx, "what came on the way is delivered", heard("on the way")))
	say(t, friend, account.PN(), "after")
	must(t, hook.Wait(ctx, "what came afterwards is delivered", heard("after")))
	now.text(t, wid(friend), "sent from the new server")
	wait(t, friend.Phone(), "what the new server sent", func(r phone.Received) bool { return r.Text == "sent from the new server" })

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
	if want := []string{"before", "sent from the old server", "on the way", "after", "sent from the new server"}; !slices.Equal(mirrored, want) {
		t.Errorf("the chat has %q, want %q", mirrored, want)
	}

	// The old server forgets it without logging it out.
	stays(t, old)
	must(t, from.Client.Want(ctx, http.StatusNoContent, http.MethodDelete, "/api/instances/"+old.id, nil, nil))
	now.text(t, wid(friend), "still here")
	wait(t, friend.Phone(), "what the new server sent at last", func(r phone.Received) bool { return r.Text == "still here" })
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
	if _, err := l.stack.Client.Until(ctx, l.id, "stopped", func(in stack.Instance) bool { return in.State == "stopped" }); err != nil {
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
