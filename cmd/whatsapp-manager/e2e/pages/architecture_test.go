package pages

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestArchitectureNamesEveryPackage compares the tables of packages in
// ARCHITECTURE with the packages that there are.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	const module = "whatsapp-manager/"
	list := exec.CommandContext(t.Context(), "go", "list", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		there[strings.TrimPrefix(strings.TrimSpace(line), module)] = true
	}
	row := regexp.MustCompile("^\\| `([a-z0-9/-]+)` \\|")
	told := map[string]bool{}
	for _, p := range read(t, ".github/ARCHITECTURE.md") {
		for n, line := range p.prose() {
			m := row.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if told[m[1]] {
				t.Errorf("%s:%d: %s is named twice", p.name, n, m[1])
			}
			if told[m[1]] = true; !there[m[1]] {
				t.Errorf("%s:%d: there is no package %s", p.name, n, m[1])
			}
		}
	}
	for name := range there {
		if !told[name] {
			t.Errorf("ARCHITECTURE does not name the package %s", name)
		}
	}
}
