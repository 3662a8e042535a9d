package value

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
)

// decoded reads text as T and returns it with the fault, if any.
func decoded[T any](d Decoder, text string) (T, *fault.Error) {
	var v T
	err := d.Into(json.RawMessage(text), reflect.ValueOf(&v).Elem(), "params[0]")
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		panic("error without a kind: " + err.Error())
	}
	return v, f
}

func accept[T any](t *testing.T, text string, want T) {
	t.Helper()
	got, f := decoded[T](Decoder{}, text)
	if f != nil {
		t.Errorf("%s as %T: %v", text, want, f)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %#v, want %#v", text, got, want)
	}
}

// refuse wants Invalid at the place, with the words.
func refuse[T any](t *testing.T, text, field, words string) {
	t.Helper()
	v, f := decoded[T](Decoder{}, text)
	switch {
	case f == nil:
		t.Errorf("%s was read as %#v", text, v)
	case f.Kind != fault.Invalid || f.Field != field || !strings.Contains(f.Msg, words):
		t.Errorf("%s: got %s at %q: %s; want %q at %q", text, f.Kind, f.Field, f.Msg, words, field)
	}
}

func TestAddresses(t *testing.T) {
	accept(t, `"4915123456789@c.us"`, types.NewJID("4915123456789", types.DefaultUserServer))
	accept(t, `"4915123456789:12@s.whatsapp.net"`, types.JID{User: "4915123456789", Server: types.DefaultUserServer, Device: 12})
	accept(t, `"123-456@g.us"`, types.NewJID("123-456", types.GroupServer))
	accept(t, `"status@broadcast"`, types.StatusBroadcastJID)
	accept(t, `{"_serialized":"12345@lid","user":"12345"}`, types.NewJID("12345", types.HiddenUserServer))
	accept(t, `{"id":{"_serialized":"12345@c.us"}}`, types.NewJID("12345", types.DefaultUserServer))
	for _, text := range []string{
		`""`, `"4915123456789"`, `"@c.us"`, `"a@c.us"`, `"1@c.us@c.us"`, `"1@example.com"`, `"1:2:3@c.us"`, `"1:99999@c.us"`, `"1@g.us\n"`,
		`"-1@g.us"`, `"49 151@c.us"`, `"` + strings.Repeat("1", 65) + `@c.us"`, `"1 @newsletter"`, `{}`, `[]`, `12`, `true`, `{"id":{"id":{"id":1}}}`,
	} {
		refuse[types.JID](t, text, "params[0]", "expected an id like")
	}
}

func TestTaggedValues(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{`"2026-01-02T03:04:05Z"`, `1767323045000`, `{"$date":"2026-01-02T03:04:05Z"}`, `{"$date":1767323045000}`, `"2026-01-02T03:04:05"`} {
		got, f := decoded[time.Time](Decoder{}, text)
		if f != nil || !got.Equal(day) {
			t.Errorf("%s: got %v, %v", text, got, f)
		}
	}
	for _, text := range []string{`"tomorrow"`, `true`, `1e300`, `{"$date":null}`, `{"$date":"x"}`, `{}`} {
		refuse[time.Time](t, text, "params[0]", "expected")
	}
	accept(t, `"1h30m"`, 90*time.Minute)
	accept(t, `1500`, 1500*time.Millisecond)
	refuse[time.Duration](t, `"soon"`, "params[0]", "expected a duration")
	refuse[time.Duration](t, `1e30`, "params[0]", "292 years")
	refuse[time.Duration](t, `[]`, "params[0]", "got array")
	accept(t, `{"$number":"Infinity"}`, math.Inf(1))
	accept(t, `{"$number":"12.5"}`, 12.5)
	refuse[float64](t, `{"$number":"many"}`, "params[0]", "number")
	for text, want := range map[string]int{`null`: -1, `-1`: -1, `"Infinity"`: -1, `{"$number":"Infinity"}`: -1, `20`: 20, `0`: 0} {
		t.Run(text, func(t *testing.T) {
			if got, err := Limit(json.RawMessage(text), "p"); err != nil || got != want {
				t.Errorf("limit %s: got %d, %v", text, got, err)
			}
		})
	}
	for _, text := range []string{`"lots"`, `[]`, `{"$number":"NaN"}`, `true`} {
		if _, err := Limit(json.RawMessage(text), "p"); !fault.Is(err, fault.Invalid) {
			t.Errorf("limit %s: %v", text, err)
		}
	}
}

func TestScalars(t *testing.T) {
	accept(t, `7`, 7)
	accept(t, `"9007199254740993"`, int64(9007199254740993))
	accept(t, `1e3`, int64(1000))
	accept(t, `255`, uint8(255))
	accept(t, `true`, true)
	accept(t, `"aGVsbG8="`, []byte("hello"))
	accept(t, `"aGVsbG8"`, []byte("hello"))
	accept(t, `"_-8="`, []byte{0xff, 0xef})
	refuse[int](t, `1.5`, "params[0]", "integer")
	refuse[int32](t, `4294967296`, "params[0]", "32 bits")
	refuse[uint](t, `-1`, "params[0]", "non-negative")
	refuse[bool](t, `"true"`, "params[0]", "got string")
	refuse[string](t, `5`, "params[0]", "got number")
	refuse[string](t, `"a\u0000b"`, "params[0]", "U+0000")
	refuse[[]byte](t, `"%%%"`, "params[0]", "base64")
	refuse[[32]byte](t, `"aGVsbG8="`, "params[0]", "32 bytes")
}

func TestComposites(t *testing.T) {
	accept(t, `["1@c.us","2@lid"]`, []types.JID{types.NewJID("1", types.DefaultUserServer), types.NewJID("2", types.HiddenUserServer)})
	refuse[[]types.JID](t, `["1@c.us",null]`, "params[0][1]", "got null")
	refuse[[]types.JID](t, `["1@c.us","x"]`, "params[0][1]", "expected an id")
	refuse[[]types.JID](t, `"1@c.us"`, "params[0]", "expected an array")
	accept(t, `{"1@c.us":true}`, map[types.JID]bool{types.NewJID("1", types.DefaultUserServer): true})
	refuse[map[types.JID]bool](t, `{"x":true}`, "params[0].x", "expected an id")
	refuse[map[string]bool](t, `{"x":1}`, "params[0].x", "true or false")

	accept(t, `{"name":"Holiday","PARTICIPANTS":["1@c.us"],"IsAnnounce":true}`,
		whatsmeow.ReqCreateGroup{Name: "Holiday", Participants: []types.JID{types.NewJID("1", types.DefaultUserServer)}, GroupAnnounce: types.GroupAnnounce{IsAnnounce: true}})
	refuse[whatsmeow.ReqCreateGroup](t, `{"nome":"x"}`, "params[0].nome", "no such field")
	refuse[whatsmeow.ReqCreateGroup](t, `{"Participants":["1@c.us",5]}`, "params[0].Participants[1]", "got number")
	refuse[whatsmeow.ReqCreateGroup](t, `[]`, "params[0]", "expected an object")
	if _, f := decoded[whatsmeow.ReqCreateGroup](Decoder{Lenient: true}, `{"nome":"x"}`); f != nil {
		t.Errorf("lenient: %v", f)
	}

	info, f := decoded[*types.MessageInfo](Decoder{}, `{"Chat":"1@c.us","IsFromMe":true,"ID":"ABC","Timestamp":"2026-01-02T03:04:05Z"}`)
	if f != nil || info.Chat.User != "1" || !info.IsFromMe || info.Timestamp.Year() != 2026 {
		t.Errorf("message info: %+v, %v", info, f)
	}
	patch, f := decoded[appstate.PatchInfo](Decoder{}, `{"Type":"regular_low","Mutations":[{"Index":["pin_v1","1@s.whatsapp.net"],"Version":5,"Value":{"pinAction":{"pinned":true}}}]}`)
	if f != nil || !patch.Mutations[0].Value.GetPinAction().GetPinned() {
		t.Errorf("patch: %+v, %v", patch, f)
	}
	status, f := decoded[types.SetStatusInput](Decoder{}, `{"text":"busy","ephemeral_duration_sec":3600}`)
	if f != nil || status.Text == nil || *status.Text != "busy" || status.Duration.Duration != time.Hour {
		t.Errorf("status: %+v, %v", status, f)
	}
}

func TestProtobufs(t *testing.T) {
	msg, f := decoded[*waE2E.Message](Decoder{}, `{"extendedTextMessage":{"text":"hi","contextInfo":{"stanzaID":"X"}}}`)
	if f != nil || !proto.Equal(msg, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String("hi"), ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("X")},
	}}) {
		t.Errorf("got %v, %v", msg, f)
	}
	refuse[*waE2E.Message](t, `{"conversatoin":"x"}`, "params[0]", "conversatoin")
	refuse[*waE2E.Message](t, `{"conversation":5}`, "params[0]", "protojson")
	refuse[*waE2E.Message](t, `"hello"`, "params[0]", "got string")
}

func TestInterfacesAreChosenByTag(t *testing.T) {
	d := Decoder{Named: []reflect.Type{reflect.TypeFor[*waE2E.ImageMessage](), reflect.TypeFor[*whatsmeow.WebPushConfig]()}}
	got, f := decoded[whatsmeow.DownloadableMessage](d, `{"$type":"ImageMessage","directPath":"/v/x"}`)
	if f != nil || got.GetDirectPath() != "/v/x" {
		t.Errorf("got %v, %v", got, f)
	}
	config, f := decoded[whatsmeow.PushConfig](d, `{"$type":"WebPushConfig","endpoint":"e","auth":"aGVsbG8="}`)
	if f != nil || config.GetPushConfigAttrs()["endpoint"] != "e" {
		t.Errorf("got %v, %v", config, f)
	}
	for _, text := range []string{`{}`, `{"$type":"WebPushConfig"}`, `{"$type":5}`, `"x"`} {
		if _, f := decoded[whatsmeow.DownloadableMessage](d, text); f == nil || f.Kind != fault.Invalid {
			t.Errorf("%s: %v", text, f)
		}
	}
}

func TestNodesThatWouldPanicTheEncoder(t *testing.T) {
	node, f := decoded[waBinary.Node](Decoder{}, `{"Tag":"meta","Attrs":{"n":1},"Content":[{"Tag":"x","Content":"aGk="}]}`)
	if f != nil || node.Attrs["n"] != int64(1) || len(node.GetChildren()) != 1 {
		t.Errorf("got %+v, %v", node, f)
	}
	refuse[waBinary.Node](t, `{"Tag":"meta","Attrs":{"n":[1]}}`, "params[0].Attrs.n", "expected a string")
	refuse[waBinary.Node](t, `{"Tag":"meta","Content":[{"Tag":""}]}`, "params[0].Content[0].Tag", "name")
	refuse[waBinary.Node](t, `{"Tag":"meta","Content":5}`, "params[0]", "expected a binary.Node")
}

func TestWhatCannotBeGivenAsJSON(t *testing.T) {
	for _, tc := range []struct {
		t     reflect.Type
		words string
	}{
		{reflect.TypeFor[func()](), "callback"},
		{reflect.TypeFor[chan int](), "channel"},
		{reflect.TypeFor[[]func()](), "callback"},
		{reflect.TypeFor[whatsmeow.File](), "not data"},
	} {
		if why, ok := (Decoder{}).Reads(tc.t); ok || !strings.Contains(why, tc.words) {
			t.Errorf("%s: %q, %t", tc.t, why, ok)
		}
	}
}

// FuzzInto wants no panic and no error without a kind, whatever the JSON.
func FuzzInto(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `[]`, `""`, `0`, `-1`, `1e400`, `"1@c.us"`, `{"Chat":"1@c.us"}`, `{"$date":{"$date":1}}`, `{"$number":"Infinity"}`,
		`{"Message":{"conversation":"x"}}`, `[[[]]]`, `{"Mutations":[{"Value":{}}]}`, `{"Tag":"a","Attrs":{"b":{}},"Content":[{}]}`, `"\ud800"`, `{"a":`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		for _, into := range []func(Decoder, string) *fault.Error{
			check[types.JID], check[time.Time], check[time.Duration], check[[]byte], check[int64], check[uint8], check[float64],
			check[string], check[any], check[[]types.JID], check[map[types.JID][]string], check[*types.MessageInfo], check[*waE2E.Message],
			check[appstate.PatchInfo], check[whatsmeow.ReqCreateGroup], check[whatsmeow.SendRequestExtra], check[waBinary.Node],
			check[types.SetStatusInput], check[*types.WebAuthnResponse],
		} {
			for _, lenient := range []bool{false, true} {
				if f := into(Decoder{Lenient: lenient}, text); f != nil && f.Kind != fault.Invalid {
					t.Errorf("%q: %v", text, f)
				}
			}
		}
	})
}

func check[T any](d Decoder, text string) *fault.Error {
	_, f := decoded[T](d, text)
	return f
}
