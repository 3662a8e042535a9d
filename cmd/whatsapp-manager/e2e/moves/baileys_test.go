package moves

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"whatsapp-manager/worker/wasim"
)

const baileysVersion = "7.0.0-rc14"

var installed struct {
	sync.Once
	dir string
	err error
}

// baileysDir installs Baileys once, from the registry that npm is set to.
func baileysDir(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; supervisor/moving/baileys reads a folder that Baileys wrote", program)
		}
	}
	installed.Do(func() {
		installed.dir = filepath.Join(bin, "baileys")
		if installed.err = os.Mkdir(installed.dir, 0o755); installed.err != nil {
			return
		}
		npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", installed.dir, "@whiskeysockets/baileys@"+baileysVersion)
		var out []byte
		if out, installed.err = npm.CombinedOutput(); installed.err != nil {
			t.Logf("npm: %s", out)
		}
	})
	must(t, installed.err)
	return installed.dir
}

// bot is a running program on Baileys.
type bot struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.Writer
	told *journal[said]
	done chan struct{}
	next int
}

// said is a line of the bot.
type said struct {
	Kind, QR, Text, Chat, Why string
	ID                        int
	Archived                  *bool
	Me                        struct{ ID, LID string }
}

func startBot(t *testing.T, folder string) *bot {
	t.Helper()
	dir := baileysDir(t)
	script, err := os.ReadFile(filepath.Join("testdata", "baileys.mjs"))
	must(t, err)
	path := filepath.Join(dir, "bot.mjs")
	must(t, os.WriteFile(path, script, 0o600))
	root := sim.Root().PublicHex()
	b := &bot{t: t, told: newJournal[said](), done: make(chan struct{})}
	b.cmd = exec.CommandContext(t.Context(), "node", path, folder, "ws://"+sim.Address()+"/ws/chat", root)
	b.cmd.Dir = dir
	b.cmd.Stderr = os.Stderr
	in, err := b.cmd.StdinPipe()
	must(t, err)
	out, err := b.cmd.StdoutPipe()
	must(t, err)
	b.in = in
	must(t, b.cmd.Start())
	go b.listen(out)
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.done
		_ = b.cmd.Wait()
	})
	return b
}

func (b *bot) listen(out io.Reader) {
	defer close(b.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s said
		if json.Unmarshal(lines.Bytes(), &s) != nil {
			continue
		}
		b.told.add(s)
	}
}

func (b *bot) kind(kind string) said {
	b.t.Helper()
	return b.told.await(b.t, kind, func(s said) bool { return s.Kind == kind })
}

func (b *bot) got(text string) {
	b.t.Helper()
	b.told.await(b.t, "message "+text, func(s said) bool { return s.Kind == "message" && s.Text == text })
}

// ask has the bot do something and waits until it is done.
func (b *bot) ask(command map[string]any) {
	b.t.Helper()
	b.next++
	command["id"] = b.next
	line, err := json.Marshal(command)
	must(b.t, err)
	_, err = b.in.Write(append(line, '\n'))
	must(b.t, err)
	if s := b.told.await(b.t, "answer", func(s said) bool { return s.ID == b.next && (s.Kind == "done" || s.Kind == "failed") }); s.Kind == "failed" {
		b.t.Fatalf("the bot could not %v: %s", command, s.Why)
	}
}

func (b *bot) quit() {
	b.t.Helper()
	b.ask(map[string]any{"do": "quit"})
	<-b.done
}

func (b *bot) pair(a *wasim.Account) {
	b.t.Helper()
	must(b.t, a.ScanQR(deadline(b.t, patience), b.kind("qr").QR))
	b.kind("open")
}

// A bot on Baileys ends, and an instance goes on as the same device: messages both ways, and
// a group with its sender keys.
func TestBaileys(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	folder := filepath.Join(t.TempDir(), "auth")
	before := startBot(t, folder)
	before.pair(owner)
	group, err := sim.CreateGroup("Club", owner, friend)
	must(t, err)
	device := owner.Devices()[0].JID().String()

	say(t, friend, owner.PN(), "hello bot")
	before.got("hello bot")
	before.ask(map[string]any{"do": "send", "to": friend.PN().String(), "text": "hello friend"})
	heard(t, friend, "hello friend")
	say(t, friend, group, "hello club")
	before.got("hello club")
	before.ask(map[string]any{"do": "send", "to": group.String(), "text": "hello from the bot"})
	heard(t, friend, "hello from the bot")
	before.quit()
	friend.Phone().Forget(0)
	say(t, friend, owner.PN(), "while nobody was there")

	in := moveIn(t, s, "baileys", folder)
	if in.report.Device != device || in.report.Taken["sessions"] == 0 || in.report.Taken["senderKeys"] == 0 {
		t.Errorf("the report: %+v", in.report)
	}
	in.begin(t)
	in.got(t, "while nobody was there")
	say(t, friend, group, "still the old sender key")
	in.got(t, "still the old sender key")
	in.send(t, friend.Number()+"@c.us", "here I am again")
	heard(t, friend, "here I am again")
	in.send(t, group.String(), "and in the club")
	heard(t, friend, "and in the club")
	if got := owner.Devices(); len(got) != 1 || !strings.HasPrefix(got[0].JID().String(), device) {
		t.Errorf("the devices are %v, want %s alone", got, device)
	}
	nobodyAsked(t, friend)

	// And out again.
	out := filepath.Join(t.TempDir(), "out")
	in.moveOut(t, "baileys", out)
	friend.Phone().Forget(0)
	say(t, friend, owner.PN(), "on the way out")
	after := startBot(t, out)
	if me := after.kind("open").Me.ID; me != device {
		t.Errorf("the bot is %s, want %s", me, device)
	}
	after.got("on the way out")
	say(t, friend, group, "the same sender key as ever")
	after.got("the same sender key as ever")
	after.ask(map[string]any{"do": "send", "to": friend.PN().String(), "text": "out again"})
	heard(t, friend, "out again")
	after.ask(map[string]any{"do": "send", "to": group.String(), "text": "out again, to the club"})
	heard(t, friend, "out again, to the club")
	after.quit()
	nobodyAsked(t, friend)
}
