package wording

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
)

// Whoever upgrades whatsmeow and sees this test fail finds the new text in the file that
// the row names, and decides whether it still means what the doc comment here says.
func TestTheWordsAreThoseOfThePinnedWhatsmeow(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.mau.fi/whatsmeow").Output()
	if err != nil {
		t.Fatalf("find whatsmeow's source: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		t.Fatal("whatsmeow's source is not in the module cache")
	}
	for _, row := range []struct{ name, file, says string }{
		{"logger of what is read", "client.go", `log.Sub("Recv")`},
		{"logger of what is sent", "client.go", `log.Sub("Send")`},
		{"stanza read", "client.go", fmt.Sprintf("cli.recvLog.Debugf(%q, node)", Stanza)},
		{"stanza sent", "client.go", fmt.Sprintf("cli.sendLog.Debugf(%q, &node)", Stanza)},
		{"frame that does not decrypt", "socket/noisesocket.go", fmt.Sprintf("log.Warnf(%q, err)", DecryptFailed)},
		{"keys not deleted after a logout", "client.go", fmt.Sprintf(`fmt.Errorf("%s: %%w", err)`, keysNotDeleted)},
		{"number unknown, in a look-up", "user.go", fmt.Sprintf(`fmt.Errorf("%s%%s from server"`, noLID)},
		{"number unknown, in a send", "send.go", fmt.Sprintf(`fmt.Errorf("%s%%s from server"`, noLID)},
		{"refused message", "send.go", `fmt.Errorf("%w %d", ErrServerReturnedError, errorCode)`},
		{"refused message, its text", "errors.go", fmt.Sprintf(`errors.New(%q)`, strings.TrimSpace(refused))},
		{"refused write of app state", "appstate.go", `fmt.Errorf("%w (%s): %s", ErrAppStateUpdate, patch.Type, &errorTag)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join(dir, row.file))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(source), row.says) {
				t.Errorf("%s of the pinned whatsmeow no longer has\n\t%s", row.file, row.says)
			}
		})
	}
}

func TestErrorsAreRecognisedByTheirWords(t *testing.T) {
	conflicting := waBinary.Node{Tag: "error", Attrs: waBinary.Attrs{"code": "409"}}
	for _, row := range []struct {
		name string
		is   func(error) bool
		err  error
		want bool
	}{
		{"keys not deleted", KeysNotDeleted, fmt.Errorf("error deleting data from store: %w", errors.New("x")), true},
		{"another failure of a logout", KeysNotDeleted, errors.New("error sending logout request"), false},
		{"unknown number", UnknownNumber, errors.New("no LID found for 1@s.whatsapp.net from server"), true},
		{"conflict, as whatsmeow quotes it", AppStateConflict, fmt.Errorf("%w (regular): %s", whatsmeow.ErrAppStateUpdate, &conflicting), true},
		{"another refusal", AppStateConflict, fmt.Errorf("%w (regular)", whatsmeow.ErrAppStateUpdate), false},
		{"no error", KeysNotDeleted, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.is(row.err); got != row.want {
				t.Errorf("%v: %v, want %v", row.err, got, row.want)
			}
		})
	}
}

func TestTheCodeOfARefusedMessageIsRead(t *testing.T) {
	refusal := fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, 463)
	for _, row := range []struct {
		name string
		err  error
		want int
	}{
		{"as whatsmeow says it", refusal, 463},
		{"wrapped", fmt.Errorf("send: %w", refusal), 463},
		{"with more behind it", fmt.Errorf("%w (again)", refusal), 463},
		{"without a code", whatsmeow.ErrServerReturnedError, 0},
		{"another error", errors.New("463"), 0},
		{"no error", nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := RefusalCode(row.err); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}
