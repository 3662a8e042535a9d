package param

import (
	"encoding/json"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
)

func TestKinds(t *testing.T) {
	person := types.NewJID("4915123456789", types.DefaultUserServer)
	for _, tc := range []struct {
		name string
		kind Kind
		raw  string
		want any // nil: refused
	}{
		{"a chat", ChatID, `"4915123456789@c.us"`, person},
		{"a device of a person", ChatID, `"4915123456789:3@s.whatsapp.net"`, person},
		{"no chat", ChatID, `"1@msgr"`, nil},
		{"a group is no person", UserID, `"120363000000000000@g.us"`, nil},
		{"a person is no group", GroupID, `"4915123456789@c.us"`, nil},
		{"a person is no channel", ChannelID, `"4915123456789@c.us"`, nil},
		{"a number as people write it", Phone, `"+49 (151) 234-567.89"`, person},
		{"a number given as a person", Phone, `"4915123456789@c.us"`, person},
		{"a number without country code", Phone, `"0151 23456789"`, nil},
		{"a link to a person", ChatID, `"https://wa.me/4915123456789?text=hello"`, person},
		{"a link to a number", Phone, `"wa.me/4915123456789"`, person},
		{"a link to a person is no group", GroupID, `"https://wa.me/4915123456789"`, nil},
		{"a short number", Phone, `"12345"`, nil},
		{"a link", InviteCode, `"https://chat.whatsapp.com/Kd0B7bKcGdzT8bPq1XcXyz"`, "Kd0B7bKcGdzT8bPq1XcXyz"},
		{"no code", InviteCode, `"a b"`, nil},
		{"a name too long", AtMost(3), `"four"`, nil},
		{"no boolean", Bool, `"true"`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.kind.Read(json.RawMessage(tc.raw), "params[0]")
			if tc.want == nil && !fault.Is(err, fault.Invalid) || tc.want != nil && (err != nil || got != tc.want) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestListsSayWhatTheyAreOf(t *testing.T) {
	for _, tc := range []struct{ of, want string }{{"jid", "jid[]"}, {"number|string", "(number|string)[]"}} {
		t.Run(tc.of, func(t *testing.T) {
			if got := ListOf(Kind{Label: tc.of}).Label; got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
