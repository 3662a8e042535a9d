package relay

import "testing"

func TestTwinsDifferInTheirSentenceOnly(t *testing.T) {
	twins := Twins("pinChat", "Chat.pin", Row{Result: "boolean", Doc: "Pins {a chat|this chat}; true."})
	if len(twins) != 2 || twins[0].Result != "boolean" || twins[1].Result != "boolean" {
		t.Fatalf("got %+v", twins)
	}
	for i, want := range []struct{ name, doc string }{{"pinChat", "Pins a chat; true."}, {"Chat.pin", "Pins this chat; true."}} {
		t.Run(want.name, func(t *testing.T) {
			if got := twins[i]; got.Name != want.name || got.Doc != want.doc {
				t.Errorf("got %s: %s", got.Name, got.Doc)
			}
		})
	}
	for i, class := range []string{"Client", "Chat"} {
		if got := Methods(twins)[i].Describe().Class; got != class {
			t.Errorf("twin %d is of class %s, want %s", i, got, class)
		}
	}
}
