package api

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"whatsapp-manager/proto/catalog"
)

const (
	maxSuggestions = 3
	// longestName bounds the work for names that are none.
	longestName = 80
)

// methodList is the catalog, parsed once; nobody changes it.
var methodList = sync.OnceValues(catalog.All)

// suggest returns up to three names of methods like the one that was asked
// for: another case, another class, or a slip of the finger.
func suggest(name string) []string {
	all, err := methodList()
	if err != nil || name == "" || len(name) > longestName {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	asked := strings.ToLower(name)
	near := max(1, len(asked)/3)
	var found []candidate
	for _, m := range all {
		known := strings.ToLower(m.Name)
		d := distance(asked, known)
		if _, method, ok := strings.Cut(known, "."); ok {
			// sendSeen for Chat.sendSeen: right, but without its class.
			d = min(d, distance(asked, method)+1)
		}
		if d <= near {
			found = append(found, candidate{m.Name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}

// distance counts the single-byte edits between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
