package content

import "testing"

func TestFirstLink(t *testing.T) {
	for text, want := range map[string][2]string{
		"see https://example.org/a?b=c#d, or not":   {"https://example.org/a?b=c#d", "https://example.org/a?b=c#d"},
		"(HTTP://Example.org).":                     {"HTTP://Example.org", "http://Example.org"},
		"www.example.org!":                          {"www.example.org", "https://www.example.org"},
		"one http://a.example two http://b.example": {"http://a.example", "http://a.example"},
		"no link, ftp://example.org":                {},
		"http://user:secret@example.org":            {},
		"http://":                                   {},
		"www.":                                      {},
		"example.org":                               {},
	} {
		t.Run(text, func(t *testing.T) {
			matched, to := firstLink(text)
			at := ""
			if to != nil {
				at = to.String()
			}
			if matched != want[0] || at != want[1] {
				t.Errorf("%q: %q %q", text, matched, at)
			}
		})
	}
}
