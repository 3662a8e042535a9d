package pages

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// notRun are the blocks that do not run, by their page and first line, with the
// reason. They are fenced as console; every other command block runs.
var notRun = map[string]map[string]string{
	"README.md": {
		"make demo     # a simulated WhatsApp, without a phone: three accounts pair by themselves and chat": "startDemo runs it; make test runs this test",
	},
	"deploy/docs/first-account.md": {"make run": "needs the real WhatsApp"},
	"deploy/docs/running.md":       {"whatsapp-manager serve": "needs the real WhatsApp"},
	"deploy/docs/upgrade.md": {
		"install bin/whatsapp-manager bin/whatsapp-worker /usr/local/bin/":              "replaces programs of the machine; e2e: TestARollingUpgradeLosesNothing",
		`curl -s -X POST $B/api/health/upgrade/retry -H "Authorization: Bearer $TOKEN"`: "answers 409 where no build was refused",
	},
	"deploy/docs/backup.md":    {"whatsapp-manager instances reclaim $ID": "undoes a move whose file is lost; e2e: TestMoveToAnotherServer"},
	"deploy/docs/database.md":  {"WAM_DATABASE_URL=postgres://wam:secret@db.example.org/wam whatsapp-manager serve": "needs a Postgres of one's own"},
	"deploy/docs/simulator.md": {"WAM_WHATSAPP_ENDPOINT=$(head -1 endpoint) whatsapp-manager serve": "the demo is this, with a simulator of its own"},
	"deploy/docs/security.md": {
		"make attack                        # everything, about five minutes": "takes five minutes; make test has a short version",
		"whatsapp-manager secrets abandon --yes":                              "gives up the demo's accounts",
	},
}

// TestCommandsOfPages runs every command block of every page. The blocks of a
// page share one shell, so that a variable or a file of one is there in the next.
func TestCommandsOfPages(t *testing.T) {
	for _, tool := range []string{"make", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("the pages need %s", tool)
			}
			t.Skipf("the pages need %s", tool)
		}
	}
	d := startDemo(t)
	for _, p := range runnable(t) {
		t.Run(p.name, func(t *testing.T) {
			if len(p.commands()) > 0 {
				d.run(t, p)
			}
			if p.name == lastPages[len(lastPages)-1] {
				d.ended(t)
			}
		})
	}
}

// TestEveryBlockRunsOrSaysWhyNot compares the blocks that are fenced as console
// with the list of what does not run.
func TestEveryBlockRunsOrSaysWhyNot(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range runnable(t) {
		for _, b := range p.blocks {
			first, _, _ := strings.Cut(b.text, "\n")
			switch b.language {
			case "sh", "bash", "json", "text", "mermaid":
			case "console":
				seen[p.name+first] = true
				if notRun[p.name][first] == "" {
					t.Errorf("%s:%d: the block %q does not run, and no reason is listed", p.name, b.line, first)
				}
			default:
				t.Errorf("%s:%d: a block in %q: use sh, console, json or text", p.name, b.line, b.language)
			}
		}
	}
	for name, blocks := range notRun {
		for first := range blocks {
			if !seen[name+first] {
				t.Errorf("%s has no console block that begins with %q", name, first)
			}
		}
	}
}

// placeholder is a line that a reader completes: NAME=… or NAME=wam_…
var placeholder = regexp.MustCompile(`(?m)^([A-Z]+)=\S*….*$`)

// prelude comes before the blocks of a page. An answer of 4xx or 5xx fails, and a
// stream ends after a while.
const prelude = `set -euo pipefail
trap 'jobs -p | xargs -r kill' EXIT
curl() {
	case " $* " in
	*" -sN "*) command curl --max-time 3 "$@" || [ $? = 28 ] ;;
	*) command curl --fail-with-body --max-time 60 "$@" ;;
	esac
}
make() { command make -C "$REPOSITORY" "$@"; }
`

// script is all of a page's blocks as one program, which notes in the file AT
// where it is.
func (d *demo) script(p page) (string, error) {
	var out strings.Builder
	out.WriteString(prelude)
	for _, b := range p.commands() {
		text := placeholder.ReplaceAllString(b.text, `: "${$1:?stands for something that the reader knows}"`)
		text = strings.ReplaceAll(text, "127.0.0.1:5000", d.listen)
		for line := range strings.Lines(text) {
			code, _, _ := strings.Cut(line, " #")
			if !strings.HasPrefix(line, "#") && strings.Contains(code, "…") {
				return "", fmt.Errorf("%s: the block at line %d has a gap that cannot run: %s", p.name, b.line, line)
			}
		}
		fmt.Fprintf(&out, "%s\necho %d >\"$AT\"\n%s\n", b.setup, b.line, text)
	}
	return out.String(), nil
}

// run runs the blocks of a page in a directory of their own.
func (d *demo) run(t *testing.T, p page) {
	script, err := d.script(p)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, append(d.environ(), "AT="+filepath.Join(dir, ".at"))
	cmd.WaitDelay = 5 * time.Second // for programs that a block left in the background
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	at, _ := os.ReadFile(filepath.Join(dir, ".at"))
	t.Fatalf("%s: the block at line %s failed: %v\n%s", p.name, bytes.TrimSpace(at), err, out)
}
