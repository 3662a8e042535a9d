package message

import (
	"encoding/json"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxBytes is the longest field of bytes that JSON keeps. Hashes and keys of files
	// have 32; what is longer are thumbnails, waveforms and keys for devices.
	maxBytes = 64
	// maxJSON bounds the answer of JSON.
	maxJSON = 256 << 10
)

// JSON returns the content of a message as WhatsApp wrote it, without its wrappers and
// what it carried for devices: protobuf's JSON of waE2E.Message, with long fields of bytes
// left out. So what has no place in the shapes is not lost. It is nil for a message without
// content. Of one whose JSON is longer than 256 KiB, and of text that JSON cannot hold, it is
// nil as well, and omitted is true.
func JSON(raw *waE2E.Message) (content json.RawMessage, omitted bool) {
	u := Unwrap(raw)
	if !HasContent(u.Message) {
		return nil, false
	}
	m := proto.CloneOf(u.Message)
	r := m.ProtoReflect()
	r.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if row, known := rowOf(field.Name()); known && row.Role == Carrier && field.Name() != "messageContextInfo" {
			r.Clear(field)
		}
		return true
	})
	dropLongBytes(r)
	encoded, err := protojson.Marshal(m)
	if err != nil || len(encoded) > maxJSON {
		return nil, true
	}
	return encoded, false
}

func dropLongBytes(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			// waE2E.Message has no maps; one that comes is kept out rather than looked through.
			m.Clear(field)
		case field.Kind() == protoreflect.BytesKind && field.IsList():
			for i := range v.List().Len() {
				if len(v.List().Get(i).Bytes()) > maxBytes {
					m.Clear(field)
					break
				}
			}
		case field.Kind() == protoreflect.BytesKind:
			if len(v.Bytes()) > maxBytes {
				m.Clear(field)
			}
		case field.Message() != nil && field.IsList():
			for i := range v.List().Len() {
				dropLongBytes(v.List().Get(i).Message())
			}
		case field.Message() != nil:
			dropLongBytes(v.Message())
		}
		return true
	})
}
