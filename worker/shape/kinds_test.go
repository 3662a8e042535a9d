package shape

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// kind is a message that came in, and what integrators must find in it. What has no key in
// want is not compared.
type kind struct {
	name, message string
	typ, body     string
	want          string // keys of _data
	lacks         []string
}

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

func checkKinds(t *testing.T, kinds []kind) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			raw := &waE2E.Message{}
			if err := protojson.Unmarshal([]byte(k.message), raw); err != nil {
				t.Fatal(err)
			}
			for wrapper, m := range wrapped(raw) {
				for _, s := range []Source{
					{Me: "4900@c.us", Chat: "4911@c.us", Sender: "4911@c.us", ID: "X", Raw: m, New: true},
					{Me: "4900@c.us", Chat: "4911@c.us", Sender: "4900@c.us", ID: "X", Raw: m, FromMe: true},
					{Me: "4900@c.us", Chat: "1@g.us", Sender: "4911@c.us", ID: "X", Raw: m, History: true},
				} {
					k.check(t, wrapper, s)
				}
			}
			k.checkQuoted(t, raw)
		})
	}
}

func (k kind) check(t *testing.T, wrapper string, s Source) {
	t.Helper()
	got := Render(s)
	if got.Type != k.typ || got.Body != k.body {
		t.Errorf("%s: a %s with body %q, want a %s with %q", wrapper, got.Type, got.Body, k.typ, k.body)
	}
	data := asMap(t, got.Data)
	var want map[string]any
	if err := json.Unmarshal([]byte(k.want), &want); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if !reflect.DeepEqual(data[key], value) {
			shown, _ := json.Marshal(data[key])
			expected, _ := json.Marshal(value)
			t.Errorf("%s: _data.%s is\n%s, want\n%s", wrapper, key, shown, expected)
		}
	}
	for _, key := range k.lacks {
		if value, ok := data[key]; ok {
			t.Errorf("%s: _data.%s is %v", wrapper, key, value)
		}
	}
}

// checkQuoted: who quotes such a message shows its type and its text.
func (k kind) checkQuoted(t *testing.T, raw *waE2E.Message) {
	t.Helper()
	got := Render(Source{Me: "4900@c.us", Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{
		ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("yes"), ContextInfo: &waE2E.ContextInfo{
			StanzaID: proto.String("Q"), QuotedMessage: raw,
		}},
	}})
	quoted := got.Data.QuotedMsg
	if quoted == nil || quoted.Type != k.typ || !strings.Contains(quoted.Body+quoted.Caption, k.body) {
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
