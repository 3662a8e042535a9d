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
	got, omitted := JSON(raw)
	if omitted {
		t.Error("left out")
	}
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
	for name, row := range map[string]struct {
		m       *waE2E.Message
		omitted bool
	}{
		"too long": {&waE2E.Message{Conversation: proto.String(strings.Repeat("x", maxJSON))}, true},
		"no UTF-8": {&waE2E.Message{Conversation: proto.String("\xff")}, true},
		"nothing":  {nil, false},
		"empty":    {&waE2E.Message{}, false},
		"keys":     {&waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, omitted := JSON(row.m); got != nil || omitted != row.omitted {
				t.Errorf("%d bytes, left out %v", len(got), omitted)
			}
		})
	}
}
