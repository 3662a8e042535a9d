package pages

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestIndexesAreWhole looks for each page in the index of its folder.
func TestIndexesAreWhole(t *testing.T) {
	linked := map[string]string{} // folder to the text of its index
	for _, p := range written(t) {
		if path.Base(p.name) == "README.md" {
			linked[path.Dir(p.name)] = strings.Join(p.lines, "\n")
		}
	}
	for _, p := range written(t) {
		index, has := linked[path.Dir(p.name)]
		if name := path.Base(p.name); has && name != "README.md" && !strings.Contains(index, "]("+name) {
			t.Errorf("the index of %s does not link %s", path.Dir(p.name), name)
		}
	}
}

// TestCountsOfTheSecurityTable counts the states of each chapter of ASVS again.
func TestCountsOfTheSecurityTable(t *testing.T) {
	const page = ".github/ASVS.md"
	states := []string{"met", "partly", "missing", "n/a"}
	row := regexp.MustCompile(`^\| (\d+)\.\d+\.\d+ \|[^|]*\| ([a-z/]+) \|`)
	sum := regexp.MustCompile(`^\| (?:V(\d+) .*|\*\*all\*\*) ((?:\| \**\d+\** ){5})\|$`)
	counted, told := map[string]map[string]int{}, map[string][]int{}
	for _, p := range read(t, page) {
		for _, line := range p.lines {
			if m := row.FindStringSubmatch(line); m != nil {
				for _, chapter := range []string{m[1], ""} { // "": all chapters
					if counted[chapter] == nil {
						counted[chapter] = map[string]int{}
					}
					counted[chapter][m[2]]++
				}
			} else if m := sum.FindStringSubmatch(line); m != nil {
				for _, number := range regexp.MustCompile(`\d+`).FindAllString(m[2], -1) {
					n, err := strconv.Atoi(number)
					if err != nil {
						t.Fatal(err)
					}
					told[m[1]] = append(told[m[1]], n)
				}
			}
		}
	}
	if len(told) != 15 {
		t.Fatalf("%d lines of sums, not 14 chapters and one for all", len(told))
	}
	for chapter, numbers := range told {
		all := 0
		for i, state := range states {
			n := counted[chapter][state]
			if all += n; numbers[i] != n {
				t.Errorf("chapter %q: %d requirements are %s, the table says %d", chapter, n, state, numbers[i])
			}
		}
		if numbers[len(states)] != all {
			t.Errorf("chapter %q has %d requirements, the table says %d", chapter, all, numbers[len(states)])
		}
	}
}
