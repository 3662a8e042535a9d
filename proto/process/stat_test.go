package process

import "testing"

func TestParseStat(t *testing.T) {
	const behind = " S 12 1 1 0 -1 4194560 1 2 3 4 31 32 0 0 20 0 1 0 8127 2 3"
	for name, tc := range map[string]struct {
		text string
		want Stat
		ok   bool
	}{
		"plain": {"77 (cat)" + behind, Stat{"cat", 'S', 12, 31, 32, 8127}, true},
		"a name with parentheses and spaces": {
			"77 (a) R 1 (b)" + behind, Stat{"a) R 1 (b", 'S', 12, 31, 32, 8127}, true,
		},
		"without a name":      {"77 cat" + behind, Stat{}, false},
		"cut off":             {"77 (cat) S 12 1", Stat{}, false},
		"a parent of letters": {"77 (cat) S x 1 1 0 -1 4194560 1 2 3 4 31 32 0 0 20 0 1 0 8127 2 3", Stat{}, false},
		"empty":               {"", Stat{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(tc.text)
			if (err == nil) != tc.ok {
				t.Fatalf("error %v, want one: %v", err, !tc.ok)
			}
			if tc.ok && got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
