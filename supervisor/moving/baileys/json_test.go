package baileys

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Objects of strangers have a bound, and the order of names stays.
func TestNamesOfAnObject(t *testing.T) {
	object := func(names ...string) []byte {
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, `,"%s":1`, name)
		}
		return []byte("{" + strings.TrimPrefix(b.String(), ",") + "}")
	}
	var many []string
	for i := range 300_000 {
		many = append(many, fmt.Sprint(i))
	}
	for _, tc := range []struct {
		name  string
		names []string
		want  []string // nil: refused
	}{
		{"order", []string{"z", "a", "m"}, []string{"z", "a", "m"}},
		{"a name twice", []string{"z", "a", "z"}, []string{"z", "a"}},
		{"as many as there may be", many[:10_000], many[:10_000]},
		{"one more", many[:10_001], nil},
		{"as many as a file has room for", many, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got ordered[int]
			err := json.Unmarshal(object(tc.names...), &got)
			if (err != nil) != (tc.want == nil) || tc.want != nil && !slices.Equal(got.keys, tc.want) {
				t.Errorf("got %d names, %v; want %d", len(got.keys), err, len(tc.want))
			}
		})
	}
}
