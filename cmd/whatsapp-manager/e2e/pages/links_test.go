package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const longestLine = 120

// TestLinesOfPages keeps prose and commands to a width that can be read beside
// code. A row of a table cannot be broken.
func TestLinesOfPages(t *testing.T) {
	for _, p := range written(t) {
		if p.name == "api/COMPATIBILITY.md" { // generated
			continue
		}
		for i, line := range p.lines {
			if n := utf8.RuneCountInString(line); n > longestLine && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d: %d characters", p.name, i+1, n)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)|src="([^"]+)"`)

// TestLinksOfPages follows every link inside the repository, to the heading.
func TestLinksOfPages(t *testing.T) {
	for _, p := range written(t) {
		for n, line := range p.prose() {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				to := m[1] + m[2]
				if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
					continue
				}
				file, anchor, _ := strings.Cut(to, "#")
				target := p.name
				if file != "" {
					target = path.Join(path.Dir(p.name), file)
				}
				text, err := os.ReadFile(filepath.Join(root, target))
				if info, statErr := os.Stat(filepath.Join(root, target)); statErr == nil && info.IsDir() {
					err = nil
				}
				if err != nil {
					t.Errorf("%s:%d: the link to %s leads nowhere", p.name, n, to)
					continue
				}
				if anchor != "" && !hasAnchor(string(text), anchor) {
					t.Errorf("%s:%d: %s has no heading #%s", p.name, n, target, anchor)
				}
			}
		}
	}
}

// hasAnchor tells whether a page has a heading that is reached by the anchor, as
// GitHub makes it of the heading's words.
func hasAnchor(text, anchor string) bool {
	for line := range strings.Lines(text) {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		made := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))
		if made == anchor {
			return true
		}
	}
	return false
}

// TestTargetsOfPages looks for each `make target` that a page names in the Makefile.
func TestTargetsOfPages(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?:^|`)make ([a-z][a-z-]*)")
	for _, p := range written(t) {
		for i, line := range p.lines {
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s:%d: the Makefile has no target %s", p.name, i+1, m[1])
				}
			}
		}
	}
}

var (
	named  = regexp.MustCompile("`(?:([a-z0-9/]+): )?((?:Test|Fuzz)[A-Z]\\w+)`")
	source = regexp.MustCompile("`((?:api|cmd|deploy|proto|supervisor|worker)/[\\w/.-]+)`")
)

// shortNames are packages that the pages on security call by a shorter name.
var shortNames = map[string]string{
	"attack":    "cmd/attack",
	"e2e":       "cmd/whatsapp-manager/e2e",
	"e2e/pages": "cmd/whatsapp-manager/e2e/pages",
	"manager":   "cmd/whatsapp-manager",
	"takeover":  "cmd/takeover",
}

// TestTestsThatPagesName looks for each `package: TestName`, and for each file
// and folder of the code, that a page names. A second name of a line without a
// package is of the same package.
func TestTestsThatPagesName(t *testing.T) {
	known := map[string]map[string]bool{}
	for _, p := range written(t) {
		for n, line := range p.prose() {
			for _, m := range source.FindAllStringSubmatch(line, -1) {
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Errorf("%s:%d: there is no %s", p.name, n, m[1])
				}
			}
			folder := ""
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				if m[1] != "" {
					if folder = m[1]; shortNames[folder] != "" {
						folder = shortNames[folder]
					}
				}
				if folder == "" || folder == "package" {
					continue // the text says where, or how names are written
				}
				if known[folder] == nil {
					known[folder] = testsOf(t, folder)
				}
				if !known[folder][m[2]] {
					t.Errorf("%s:%d: %s has no test %s", p.name, n, folder, m[2])
				}
			}
		}
	}
}

// testsOf returns the names of the tests in a folder.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	return tests
}
