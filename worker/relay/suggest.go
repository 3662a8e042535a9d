package relay

import (
	"strings"

	"whatsapp-manager/proto/fault"
)

// unknownMethod answers NotFound and names the method that was probably meant.
func unknownMethod(method string) error {
	if near := nearest(method); near != "" {
		return fault.New(fault.NotFound, op, "unknown method %q; did you mean %s?", clipName(method), near)
	}
	return fault.New(fault.NotFound, op, "unknown method %q", clipName(method))
}

func nearest(method string) string {
	if method == "" || len(method) > 80 {
		return ""
	}
	wanted := strings.ToLower(method)
	best, bestDistance := "", max(2, len(method)/3)+1
	for _, name := range names() {
		candidate := strings.ToLower(name)
		d := distance(wanted, candidate)
		if _, short, ok := strings.Cut(candidate, "."); ok {
			// The class was forgotten: close, but a full name is closer.
			if own := distance(wanted, short); own+1 < d {
				d = own + 1
			}
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// names lists all methods in the order of the catalog.
func names() []string {
	var all []string
	for _, m := range methods() {
		all = append(all, m.Name)
	}
	return all
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
