package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/message"
)

// TestReportIsCurrent runs the whole suite against real processes and holds the
// committed report against what came out.
func TestReportIsCurrent(t *testing.T) {
	dir, err := os.MkdirTemp("", "wam-compat")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := lab.Build(ctx, dir, nil, lab.Program{Package: lab.Manager}, lab.Program{Package: lab.Worker},
		lab.Program{Package: lab.Simulator}); err != nil {
		t.Fatal(err)
	}
	results, err := runAll(ctx, dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.wrong != "" {
			t.Errorf("%s: %s", r.name, r.wrong)
		}
	}
	text, _ := render(results)
	committed, err := os.ReadFile("../../api/COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != text {
		t.Error("api/COMPATIBILITY.md is not what the suite finds; run make compat")
	}
}

// TestMessageKindsAreCurrent holds the section about kinds against the worker's table, in
// which each field of a message has a row, and each row that is left out a reason.
func TestMessageKindsAreCurrent(t *testing.T) {
	committed, err := os.ReadFile("../../api/COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(committed), kinds()) {
		t.Error("the section about kinds in api/COMPATIBILITY.md is not what the worker does; run make compat")
	}
	for _, row := range message.Rows() {
		if explained := row.Note != ""; !explained && (row.Role == message.Carrier || row.Role == message.Change) {
			t.Errorf("%s is %s, and no note says why, or by what event it is told", row.Field, row.Role)
		}
	}
}

// TestCatalogCoversTheReference: every method by its name, and those that need a
// browser with a reason; a case for each of the others.
func TestCatalogCoversTheReference(t *testing.T) {
	all := methods()
	if len(all) != 194 {
		t.Errorf("%d methods in the reference", len(all))
	}
	seen := map[string]bool{}
	for _, m := range all {
		seen[m.name] = true
		known, ok := catalog.Lookup(m.name)
		switch {
		case !ok:
			t.Errorf("%s is not in the catalog", m.name)
		case m.browser != (known.Verdict == catalog.Impossible) && m.name != "MessageMedia.fromFilePath":
			t.Errorf("%s: verdict %s", m.name, known.Verdict)
		case known.Verdict == catalog.Impossible && known.Reason == "":
			t.Errorf("%s has no reason", m.name)
		}
		if _, ok := cases[m.name]; !ok && !m.browser {
			t.Errorf("%s has no case", m.name)
		}
	}
	for name, c := range cases {
		if !seen[name] {
			t.Errorf("case %s is of no method", name)
		}
		if c.do == nil || strings.TrimSpace(c.how) == "" {
			t.Errorf("case %s looks for nothing", name)
		}
	}
}
