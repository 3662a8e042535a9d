package lidstore

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
)

// What a history supposes says whose number a LID is, and never where to send. It replaces
// nothing, and readers hear of it once.
func TestSupposedPairsAreHints(t *testing.T) {
	s := New(database(t), one, once)
	note(t, s, "100", "1")
	<-s.News()
	numbers := map[types.JID]types.JID{
		lidOf("200"): pnOf("2"),                 // news
		lidOf("100"): pnOf("9"),                 // another number of a known LID
		lidOf("900"): pnOf("1"),                 // another LID of a known number
		lidOf("300"): lidOf("3"), {}: pnOf("4"), // no pairs
	}
	for range 2 {
		if err := s.Suppose(t.Context(), numbers); err != nil {
			t.Fatal(err)
		}
	}
	<-s.News()
	select {
	case <-s.News():
		t.Error("told twice")
	default:
	}
	for lid, want := range map[string]string{"100": "1", "200": "2", "300": "", "900": ""} {
		if pn, err := s.GetPNForLID(t.Context(), lidOf(lid)); err != nil || pn.User != want {
			t.Errorf("number of %s is %q, %v", lid, pn.User, err)
		}
	}
	for pn, want := range map[string]string{"1": "100", "2": ""} {
		if lid, err := s.GetLIDForPN(t.Context(), pnOf(pn)); err != nil || lid.User != want {
			t.Errorf("send for %s to %q, %v", pn, lid.User, err)
		}
	}
	note(t, s, "200", "2") // WhatsApp's own word
	if lid, err := s.GetLIDForPN(t.Context(), pnOf("2")); err != nil || lid.User != "200" {
		t.Errorf("send for 2 to %q, %v", lid.User, err)
	}
}
