package worker_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape/shapetest"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// Every kind of the tables reads the same when it came over the wire: in its event, in
// getMessageById, and in rawData, which also has its content as it was sent.
func TestKindsOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	ask := func(method, id string, into any) {
		t.Helper()
		params, _ := json.Marshal([]string{id})
		answer, err := p.Call(w.ctx, &workerv1.CallRequest{Method: method, Params: params})
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if err := json.Unmarshal(answer.GetResult(), into); err != nil {
			t.Fatalf("%s: %v in %s", method, err, answer.GetResult())
		}
	}
	for name, k := range shapetest.All() {
		w.sub(name, func(t *testing.T) {
			sent := composetest.Message(t, w.sim, w.bob.Number(), w.account.Number(), k.Message, ``)
			event := func() string {
				return value[string](w.instance, `select coalesce(max((payload->'args'->0)::text), '') from events
					where type in ('message', 'message_ciphertext') and payload->'args'->0->'id'->>'id' = $1`, sent.ID)
			}
			stored := func() bool {
				return value[int](w.instance, `select count(*)::int from messages where id = $1`, sent.ID) == 1
			}
			w.eventually("the message in the mirror", stored)
			id := "false_" + w.bob.Number() + "@c.us_" + sent.ID
			var got, raw map[string]any
			if err := json.Unmarshal([]byte(event()), &got); err != nil {
				t.Fatalf("event: %v", err)
			}
			checkKind(t, k, "event", got, got["_data"])
			got = nil
			ask("getMessageById", id, &got)
			checkKind(t, k, "getMessageById", got, got["_data"])
			ask("Message.rawData", id, &raw)
			checkKind(t, k, "rawData", got, raw)
			checkContent(t, k, raw["message"])
		})
	}
}

// checkKind compares a Message with what is wanted of its kind.
func checkKind(t *testing.T, k shapetest.Kind, where string, message map[string]any, ofData any) {
	t.Helper()
	if message["type"] != k.Type || message["body"] != k.Body {
		t.Errorf("%s: a %v with body %q, want a %s with %q", where, message["type"], message["body"], k.Type, k.Body)
	}
	data, _ := ofData.(map[string]any)
	var want map[string]any
	if err := json.Unmarshal([]byte(k.Want), &want); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if !reflect.DeepEqual(data[key], value) {
			t.Errorf("%s: _data.%s is\n%v, want\n%v", where, key, data[key], value)
		}
	}
	for _, key := range k.Lacks {
		if value, ok := data[key]; ok {
			t.Errorf("%s: _data.%s is %v", where, key, value)
		}
	}
}

// checkContent compares the content in rawData with what was sent, without its wrappers.
func checkContent(t *testing.T, k shapetest.Kind, content any) {
	t.Helper()
	encoded, _ := json.Marshal(content)
	got, want := &waE2E.Message{}, &waE2E.Message{}
	if err := protojson.Unmarshal(encoded, got); err != nil {
		t.Fatalf("content: %v in %s", err, encoded)
	}
	if err := protojson.Unmarshal([]byte(k.Message), want); err != nil {
		t.Fatal(err)
	}
	got.MessageContextInfo = nil // the sender's device adds to it
	if !proto.Equal(got, message.Unwrap(want).Message) {
		t.Errorf("content is\n%s, want\n%s", encoded, k.Message)
	}
}
