package value

import (
	"errors"
	"math"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

func TestJSON(t *testing.T) {
	one := types.NewJID("1", types.DefaultUserServer)
	for _, tc := range []struct {
		name string
		in   any
		want string
	}{
		{"nothing", nil, `null`},
		{"nil pointer", (*types.GroupInfo)(nil), `null`},
		{"nil list is a list", []types.JID(nil), `[]`},
		{"address", one, `"1@s.whatsapp.net"`},
		{"empty address", types.EmptyJID, `""`},
		{"map by address, sorted", map[types.JID]bool{types.NewJID("2", "lid"): true, one: false}, `{"1@s.whatsapp.net":false,"2@lid":true}`},
		{"bytes", []byte("hello"), `"aGVsbG8="`},
		{"byte array", [3]byte{1, 2, 3}, `"AQID"`},
		{"time", time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), `"2026-01-02T02:04:05Z"`},
		{"no time", time.Time{}, `null`},
		{"duration", 90 * time.Second, `"1m30s"`},
		{"protobuf", &waE2E.Message{Conversation: proto.String("<hi> & bye")}, `{"conversation":"<hi> & bye"}`},
		{"error", errors.New("no"), `"no"`},
		{"infinity", math.Inf(1), `{"$number":"Infinity"}`},
		{"text is not escaped for HTML", "<a&b>", `"<a&b>"`},
		{"broken UTF-8", "a\xffb", `"a\ufffdb"`},
		{"embedded structs are flat", types.GroupName{Name: "x", NameSetBy: one}, `{"Name":"x","NameSetAt":null,"NameSetBy":"1@s.whatsapp.net","NameSetByPN":""}`},
		{"tags", types.NewsletterMuted{Muted: true}, `{"Muted":true}`},
		{
			"node",
			waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"to": one}, Content: []waBinary.Node{{Tag: "x", Content: []byte("hi")}}},
			`{"Tag":"iq","Attrs":{"to":"1@s.whatsapp.net"},"Content":[{"Tag":"x","Attrs":null,"Content":"aGk="}]}`,
		},
		{"several", []any{1, "a", nil}, `[1,"a",null]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := JSON(tc.in)
			if err != nil || string(got) != tc.want {
				t.Errorf("%s: got %s, %v; want %s", tc.name, got, err, tc.want)
			}
		})
	}
}

func TestValuesThatContainThemselves(t *testing.T) {
	type ring struct{ Next *ring }
	r := &ring{}
	r.Next = r
	if _, err := JSON(r); err == nil {
		t.Error("a ring was encoded")
	}
}
