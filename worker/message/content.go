package message

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Content is what one message contains. Its parts belong to the message it was read from:
// they are looked at, not changed.
type Content struct {
	Unwrapped
	Field   protoreflect.Name // of waE2E.Message, which holds the content; empty: none that is known
	Role    Role              // of that field; empty: none that is known
	Type    string            // WhatsApp Web's name; TypeUnknown for what is not known
	Text    string            // what a person reads first; of media, its caption or the name of its file
	Caption string            // of media; empty: none
	File    File              // what can be downloaded; nil: nothing
	Context *waE2E.ContextInfo
}

// Read finds the parts of a message. It takes any input, nil too.
func Read(raw *waE2E.Message) Content {
	c := Content{Unwrapped: Unwrap(raw), Type: TypeUnknown}
	r := c.Message.ProtoReflect()
	rows := Rows()
	for i := range rows {
		row := &rows[i]
		if row.read == nil || !r.Has(row.descriptor) {
			continue
		}
		c.Field, c.Role, c.Type = row.Field, row.Role, row.Type
		row.read(c.Message, &c)
		if c.Context == nil {
			c.Context = contextOf(r.Get(row.descriptor))
		}
		break
	}
	return c
}

// contextOf returns the context that a part of a message has in the field of that name,
// which all kinds of content share; nil when there is none.
func contextOf(part protoreflect.Value) *waE2E.ContextInfo {
	m, ok := part.Interface().(protoreflect.Message)
	if !ok {
		return nil
	}
	field := contextField(m.Descriptor())
	if field == nil || !m.Has(field) {
		return nil
	}
	info, _ := m.Get(field).Message().Interface().(*waE2E.ContextInfo)
	return info
}

func contextField(of protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	field := of.Fields().ByName("contextInfo")
	if field == nil || field.Message() == nil || field.Message().FullName() != contextName {
		return nil
	}
	return field
}

var contextName = (&waE2E.ContextInfo{}).ProtoReflect().Descriptor().FullName()

// HasContent reports whether there is anything to show. There is not in a message that
// only carries keys, such as the first half of a group message. Content that this version
// does not know counts.
func HasContent(m *waE2E.Message) bool {
	if m == nil {
		return false
	}
	if m.Conversation != nil || m.ExtendedTextMessage != nil {
		return true
	}
	r := m.ProtoReflect()
	if len(r.GetUnknown()) > 0 {
		return true
	}
	some := false
	r.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		row, known := rowOf(field.Name())
		some = !known || row.Role != Carrier
		return !some
	})
	return some
}

// Lines joins the parts that are not empty.
func Lines(parts ...string) string {
	kept := make([]string, 0, len(parts))
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n")
}
