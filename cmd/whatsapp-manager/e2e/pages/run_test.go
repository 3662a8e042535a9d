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

// notRun are the command blocks that do not run, by their page and how they
// begin. They are fenced as console; every other command block runs.
var notRun = []struct{ page, begins, reason string }{
	{"README.md", "make demo ", "startDemo runs the demo, and make test runs this test"},
	{"deploy/docs/first-account.md", "make run", "needs the real WhatsApp"},
	{"deploy/docs/linking.md", "curl -s -X POST $B/api/instances/$ID/link/passkey", "needs a browser; e2e: TestAnAccountIsLinkedWithItsPasskey"},
	{"deploy/docs/linking.md", "curl -s -X POST $B/api/instances/$ID/link/confirm", "follows a passkey; worker: TestACodeIsComparedAfterALatePasskey"},
	{"deploy/docs/running.md", "whatsapp-manager serve", "needs the real WhatsApp"},
	{"deploy/docs/upgrade.md", "install bin/", "replaces programs of the machine; e2e: TestARollingUpgradeLosesNothing"},
	{"deploy/docs/upgrade.md", "curl -s -X POST $B/api/health/upgrade/retry", "answers 409 where no build was refused"},
	{"deploy/docs/backup.md", "whatsapp-manager instances reclaim", "for a lost file; e2e: TestMoveToAnotherServer"},
	{"deploy/docs/moving.md", "whatsapp-manager instances import url.txt", "needs another program's database; sqlstore: TestPostgres"},
	{"deploy/docs/database.md", "WAM_DATABASE_URL=postgres://", "needs a Postgres of one's own"},
	{"deploy/docs/simulator.md", "WAM_WHATSAPP_ENDPOINT=", "the demo does the same with its own simulator"},
	{"deploy/docs/security.md", "make attack ", "takes five minutes; make test has a short version"},
	{"deploy/docs/security.md", "whatsapp-manager secrets abandon", "gives up the demo's accounts"},
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
	seen := map[int]bool{} // index in notRun
	for _, p := range runnable(t) {
		for _, b := range p.blocks {
			switch b.language {
			case "sh", "bash", "json", "text", "mermaid":
			case "console":
				listed := false
				for i, not := range notRun {
					if not.page == p.name && strings.HasPrefix(b.text, not.begins) {
						listed, seen[i] = true, true
					}
				}
				if !listed {
					t.Errorf("%s:%d: the block does not run, and no reason is listed", p.name, b.line)
				}
			default:
				t.Errorf("%s:%d: a block in %q: use sh, console, json or text", p.name, b.line, b.language)
			}
		}
	}
	for i, not := range notRun {
		if !seen[i] {
			t.Errorf("%s has no console block that begins with %q", not.page, not.begins)
		}
	}
}

// placeholder is a line like NAME=… or NAME=wam_… that a reader completes.
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
	t.Helper()
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
