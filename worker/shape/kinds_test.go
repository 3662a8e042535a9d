package shape

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape/shapetest"
)

// wrapped is a message in each wrapper that phones use; content reads the same in all.
func wrapped(m *waE2E.Message) map[string]*waE2E.Message {
	return map[string]*waE2E.Message{
		"bare":        m,
		"ephemeral":   {EphemeralMessage: &waE2E.FutureProofMessage{Message: m}},
		"device sent": {DeviceSentMessage: &waE2E.DeviceSentMessage{Message: m}},
		"view once": {EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
			ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: m},
		}}},
		"forwarded by a bot": {BotForwardedMessage: &waE2E.FutureProofMessage{Message: m}},
	}
}

// Every kind reads as WhatsApp Web's parsers read it: in any wrapper, received, sent, from
// the history, quoted.
func TestKinds(t *testing.T) {
	for name, k := range shapetest.All() {
		t.Run(name, func(t *testing.T) {
			raw := &waE2E.Message{}
			if err := protojson.Unmarshal([]byte(k.Message), raw); err != nil {
				t.Fatal(err)
			}
			for wrapper, m := range wrapped(raw) {
				for _, s := range []Source{
					{Me: "4900@c.us", Chat: "4911@c.us", Sender: "4911@c.us", ID: "X", Raw: m, New: true},
					{Me: "4900@c.us", Chat: "4911@c.us", Sender: "4900@c.us", ID: "X", Raw: m, FromMe: true},
					{Me: "4900@c.us", Chat: "1@g.us", Sender: "4911@c.us", ID: "X", Raw: m, History: true},
				} {
					checkKind(t, k, wrapper, s)
				}
			}
			checkQuoted(t, k, raw)
		})
	}
}

// No kind that a person reads is left out of the tables.
func TestEveryShownFieldIsAKind(t *testing.T) {
	kinds := map[string]bool{}
	for name, k := range shapetest.All() {
		m := &waE2E.Message{}
		if err := protojson.Unmarshal([]byte(k.Message), m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kinds[string(message.Read(m).Field)] = true
	}
	for _, row := range message.Rows() {
		if row.Role == message.Shown && !kinds[string(row.Field)] {
			t.Errorf("%s has no kind", row.Field)
		}
	}
}

func checkKind(t *testing.T, k shapetest.Kind, wrapper string, s Source) {
	t.Helper()
	got := Render(s)
	if got.Type != k.Type || got.Body != k.Body {
		t.Errorf("%s: a %s with body %q, want a %s with %q", wrapper, got.Type, got.Body, k.Type, k.Body)
	}
	data := asMap(t, got.Data)
	var want map[string]any
	if err := json.Unmarshal([]byte(k.Want), &want); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if !reflect.DeepEqual(data[key], value) {
			shown, _ := json.Marshal(data[key])
			expected, _ := json.Marshal(value)
			t.Errorf("%s: _data.%s is\n%s, want\n%s", wrapper, key, shown, expected)
		}
	}
	for _, key := range k.Lacks {
		if value, ok := data[key]; ok {
			t.Errorf("%s: _data.%s is %v", wrapper, key, value)
		}
	}
}

// checkQuoted: who quotes such a message shows its type and its text.
func checkQuoted(t *testing.T, k shapetest.Kind, raw *waE2E.Message) {
	t.Helper()
	got := Render(Source{Me: "4900@c.us", Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{
		ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("yes"), ContextInfo: &waE2E.ContextInfo{
			StanzaID: proto.String("Q"), QuotedMessage: raw,
		}},
	}})
	quoted := got.Data.QuotedMsg
	if quoted == nil || quoted.Type != k.Type || !strings.Contains(quoted.Body+quoted.Caption, k.Body) {
		t.Errorf("quoted as %+v", quoted)
	}
}

func asMap(t *testing.T, v any) map[string]any {
	t.Helper()
	encoded, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(encoded, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
