package chromium

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// The lock names the one version of axe-core, with its sum.
//
//go:embed axe
var lock embed.FS

// axe is the program of axe-core, fetched from npm once for all tests of a process.
var axe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wam-axe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := lock.ReadFile("axe/" + name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(text), err
})

// Violation is something that keeps people from using a page.
type Violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// String says what is wrong, and where.
func (v Violation) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s", v.ID, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&out, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n    "))
	}
	return out.String()
}

// Axe looks for what keeps people from using the page. Every rule of axe-core is asked,
// best practices too.
func (tab *Tab) Axe() []Violation {
	tab.t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		missing(tab.t, "npm is not installed")
	}
	text, err := axe()
	if err != nil {
		tab.t.Fatal(err)
	}
	// In a world of its own: the page's policy lets nobody make scripts out of texts.
	var found []Violation
	tab.Do("look with axe", chromedp.ActionFunc(func(ctx context.Context) error { return evaluateApart(ctx, text, nil) }),
		chromedp.ActionFunc(func(ctx context.Context) error {
			return evaluateApart(ctx, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations)`, &found)
		}))
	return found
}
