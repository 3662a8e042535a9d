package method

import (
	"encoding/json"
	"testing"

	"whatsapp-manager/proto/catalog"
)

// The forms are those that whatsapp-web.js 1.34.7 gives: WhatsApp Web's own formatter, and
// its table of country codes.
func TestNumbersAsPeopleWriteThem(t *testing.T) {
	for _, tc := range []struct{ answer, formatted, code string }{
		{"4915123456789", "+49 1512 3456789", "49"},
		{"18092201111", "+1 (809) 220-1111", "1"},
		{"5511961234567", "+55 11 96123-4567", "55"},
		{"390612345678", "+39 06 1234 5678", "39"}, // the zero belongs to the number
	} {
		t.Run(tc.answer, func(t *testing.T) {
			for _, class := range []string{"", "Contact."} {
				for name, want := range map[string]string{"getFormattedNumber": tc.formatted, "getCountryCode": tc.code} {
					m, ok := catalog.Lookup(class + name)
					if !ok {
						t.Fatalf("no method %s%s", class, name)
					}
					if got := string(Finish(m, json.RawMessage(`"`+tc.answer+`"`))); got != `"`+want+`"` {
						t.Errorf("%s%s: %s, want %q", class, name, got, want)
					}
				}
			}
		})
	}
}

// A worker of an older build answers what people read already, and other methods answer
// whatever they do.
func TestAnAnswerThatIsFinishedIsPassedOn(t *testing.T) {
	for name, answers := range map[string][]string{
		"getFormattedNumber": {`"+49 1512 3456789"`, `"+1 (809) 220-1111"`, `null`, `{"a":1}`, `""`},
		"getCountryCode":     {`"49"`, `"1"`, `"598"`, `null`},
		"getState":           {`"4915123456789"`},
	} {
		m, ok := catalog.Lookup(name)
		if !ok {
			t.Fatalf("no method %s", name)
		}
		for _, answer := range answers {
			if got := string(Finish(m, json.RawMessage(answer))); got != answer {
				t.Errorf("%s: %s became %s", name, answer, got)
			}
		}
	}
}
