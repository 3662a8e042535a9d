package shape

import (
	"strings"
	"testing"
)

// FuzzIDs: what is read as an id is written as one that reads the same.
func FuzzIDs(f *testing.F) {
	for _, seed := range []string{
		"4915123456789@c.us", "4915123456789:12@s.whatsapp.net", "120363000000000000@g.us", "998877@lid",
		"status@broadcast", "1@newsletter", "@", "a@b@c", "\xff@c.us", "",
		"true_4915123456789@c.us_3EB0C431C26A1916E07E", "false_120363000000000000@g.us_3A5F_4917012345@c.us",
		"true_1@c.us_A_out", "false__", "___", "true_1@c.us_\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if jid, err := ParseID(text); err == nil {
			again, err := ParseID(ID(jid))
			if err != nil || again != jid.ToNonAD() && again != jid {
				t.Errorf("%q is %v, and written and read %v: %v", text, jid, again, err)
			}
		}
		id, err := ParseMessageID(text)
		if err != nil {
			return
		}
		if strings.Count(id.Serialized, "_") < 2 || id.ID == "" || id.Remote == "" {
			t.Errorf("%q is read as %+v", text, id)
		}
		again, err := ParseMessageID(id.Serialized)
		if err != nil || again.ID != id.ID || again.Remote != id.Remote || again.FromMe != id.FromMe {
			t.Errorf("%q is %+v, and written and read %+v: %v", text, id, again, err)
		}
	})
}
