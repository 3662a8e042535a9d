package catalog

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
)

const (
	maxSuggestions = 3
	// longestName bounds the work for a text that is no name.
	longestName = 80
)

// Suggest returns up to three of the known names that are like the one asked
// for, the nearest first: another case, a slip of the finger, or a method whose
// class was left out (sendSeen for Chat.sendSeen). It returns nil when nothing is
// near. A slip is at most a third of the name, and two letters of a short one.
func Suggest(name string, known []string) []string {
	if name == "" || len(name) > longestName {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	asked := strings.ToLower(name)
	near := max(2, len(asked)/3)
	var found []candidate
	for _, k := range known {
		lower := strings.ToLower(k)
		d := levenshtein.ComputeDistance(asked, lower)
		if _, method, ok := strings.Cut(lower, "."); ok {
			// Right but for its class is near, and a full name is nearer.
			d = min(d, levenshtein.ComputeDistance(asked, method)+1)
		}
		if d <= near && d < len(lower) {
			found = append(found, candidate{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}

// Names lists the methods' names in the order of All. The caller owns the slice.
func Names() ([]string, error) {
	list, err := names()
	return slices.Clone(list), err
}

// names is read once: whoever asks for a method that does not exist has it
// suggested another, and may do so often.
var names = sync.OnceValues(func() ([]string, error) {
	list, err := All()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.Name
	}
	return names, nil
})
