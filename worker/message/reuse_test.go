package message

import (
	"bytes"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const earlier = "what was said before"

func quoting() *waE2E.ContextInfo {
	return &waE2E.ContextInfo{
		StanzaID: proto.String("3EB0"), QuotedMessage: &waE2E.Message{Conversation: proto.String(earlier)},
	}
}

// fill sets the context of a part, and goes into the parts within it, once into each.
func fill(part protoreflect.Message, depth int) {
	fields := part.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.Message() == nil || field.IsMap() || depth == 0:
		case field.Message().FullName() == contextName && !field.IsList():
			part.Set(field, protoreflect.ValueOfMessage(quoting().ProtoReflect()))
		case field.Message().FullName() == (&waE2E.Message{}).ProtoReflect().Descriptor().FullName():
		case field.IsList():
			fill(part.Mutable(field).List().AppendMutable().Message(), depth-1)
		case field.ContainingOneof() == nil || part.WhichOneof(field.ContainingOneof()) == nil:
			fill(part.Mutable(field).Message(), depth-1)
		}
	}
}

// A quote of any kind of content repeats nothing that it quoted itself.
func TestBareHasNoContextAnywhere(t *testing.T) {
	for _, row := range Rows() {
		if row.Role != Shown || row.descriptor.Message() == nil {
			continue
		}
		t.Run(string(row.Field), func(t *testing.T) {
			m := &waE2E.Message{}
			fill(m.ProtoReflect().Mutable(row.descriptor).Message(), 4)
			raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(Bare(&waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(earlier)) {
				t.Error("it repeats what it quoted")
			}
		})
	}
	cards := &waE2E.Message{}
	err := protojson.Unmarshal([]byte(`{"interactiveMessage":{"body":{"text":"t"},"carouselMessage":{"cards":[
		{"body":{"text":"one"},"contextInfo":{"quotedMessage":{"conversation":"`+earlier+`"}}}]}}}`), cards)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := proto.Marshal(Bare(cards)); err != nil || bytes.Contains(raw, []byte(earlier)) || !bytes.Contains(raw, []byte("one")) {
		t.Errorf("cards: %q %v", raw, err)
	}
}
