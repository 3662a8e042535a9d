package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func TestJSONKeepsWhatABusinessWrote(t *testing.T) {
	raw := &waE2E.Message{
		SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{GroupID: proto.String("1@g.us")},
		EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
			SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{GroupID: proto.String("1@g.us")},
			ImageMessage: &waE2E.ImageMessage{
				Caption: proto.String("<offer> & more"), MediaKey: bytes.Repeat([]byte{1}, 32), JPEGThumbnail: make([]byte, 5000),
				ContextInfo: &waE2E.ContextInfo{
					EntryPointConversionSource: proto.String("ctwa_ad"),
					QuotedMessage:              &waE2E.Message{ImageMessage: &waE2E.ImageMessage{JPEGThumbnail: make([]byte, 5000)}},
				},
			},
		}},
	}
	before := proto.CloneOf(raw)
	got := JSON(raw)
	if !proto.Equal(raw, before) {
		t.Error("the message was changed")
	}
	var back waE2E.Message
	if err := protojson.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	want := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Caption: proto.String("<offer> & more"), MediaKey: bytes.Repeat([]byte{1}, 32),
		ContextInfo: &waE2E.ContextInfo{
			EntryPointConversionSource: proto.String("ctwa_ad"), QuotedMessage: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}},
		},
	}}
	if !proto.Equal(&back, want) {
		t.Errorf("got %s", got)
	}
	if !json.Valid(got) {
		t.Error("no JSON")
	}
}

func TestJSONIsBounded(t *testing.T) {
	if got := JSON(&waE2E.Message{Conversation: proto.String(strings.Repeat("x", maxJSON))}); got != nil {
		t.Errorf("%d bytes", len(got))
	}
	for name, m := range map[string]*waE2E.Message{
		"nothing": nil, "empty": {}, "keys": {SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}},
		"no UTF-8": {Conversation: proto.String("\xff")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := JSON(m); got != nil {
				t.Errorf("got %s", got)
			}
		})
	}
}
