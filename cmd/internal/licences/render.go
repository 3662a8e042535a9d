package main

import (
	"fmt"
	"slices"
	"strings"
)

// render writes a program's page: a table of the modules, then every text once,
// with the modules that it is of.
func render(p program, modules []module) string {
	var out strings.Builder
	fmt.Fprintf(&out, "<!-- Written by `make generate`; do not edit. -->\n\n# Licences in %s\n\n%s\n\n", p.name, p.note)
	fmt.Fprintf(&out, "| Module | Version | Licence |\n|---|---|---|\n")
	for _, m := range modules {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", m.path, m.version, strings.Join(m.licences(), ", "))
	}
	out.WriteString("\n## Texts\n")
	for _, s := range shared(modules) {
		fmt.Fprintf(&out, "\n### %s\n\n", strings.Join(s.of, ", "))
		for line := range strings.Lines(strings.TrimRight(s.body, "\n") + "\n") {
			// Indented, a text is shown as it is, whatever stands in it.
			out.WriteString(strings.TrimRight("    "+line, " \t\r\n") + "\n")
		}
	}
	return out.String()
}

// same is a text and the modules that have it.
type same struct {
	body string
	of   []string
}

// shared finds texts that several modules have to the letter, as the long ones
// often are. They stand in the order of their first module.
func shared(modules []module) []same {
	var all []same
	at := map[string]int{}
	for _, m := range modules {
		for _, t := range m.texts {
			key := strings.Join(strings.Fields(t.body), " ")
			i, known := at[key]
			if !known {
				i = len(all)
				at[key] = i
				all = append(all, same{body: t.body})
			}
			if !slices.Contains(all[i].of, m.path) {
				all[i].of = append(all[i].of, m.path)
			}
		}
	}
	return all
}
