package message

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Bare returns a copy of the content of a message without its wrappers, its context and
// what it carried for devices. So a quote does not hold what the quoted message quoted,
// and does not grow with each answer.
func Bare(raw *waE2E.Message) *waE2E.Message {
	m := proto.CloneOf(Unwrap(raw).Message)
	r := m.ProtoReflect()
	r.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if row, known := rowOf(field.Name()); known && row.Role == Carrier {
			r.Clear(field)
			return true
		}
		clearContexts(field, v)
		return true
	})
	return m
}

// clearContexts takes the context out of a part and of all parts within it: templates hold
// interactive messages, and these hold cards, with contexts of their own.
func clearContexts(field protoreflect.FieldDescriptor, v protoreflect.Value) {
	if field.Message() == nil || field.IsMap() {
		return
	}
	within := []protoreflect.Message{}
	if field.IsList() {
		for i := range v.List().Len() {
			within = append(within, v.List().Get(i).Message())
		}
	} else {
		within = append(within, v.Message())
	}
	for _, part := range within {
		if context := contextField(part.Descriptor()); context != nil {
			part.Clear(context)
		}
		part.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			clearContexts(field, v)
			return true
		})
	}
}

// Wrap puts content back into the wrapper in which phones look for it: they show the
// caption of a document there only. It takes the message over.
func Wrap(m *waE2E.Message) *waE2E.Message {
	if m.GetDocumentMessage().GetCaption() == "" {
		return m
	}
	about := m.MessageContextInfo
	m.MessageContextInfo = nil
	return &waE2E.Message{
		DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: m}, MessageContextInfo: about,
	}
}

// SetContext replaces the context of the content of m, in whatever wrappers it is; nil
// takes it away. Plain text becomes text that can have one. It is false, and m as it was,
// when content of that kind has no context.
func SetContext(m *waE2E.Message, info *waE2E.ContextInfo) bool {
	return ChangeContext(m, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return info })
}

// ChangeContext is SetContext with what change makes of the present context, which is nil
// when there is none.
func ChangeContext(m *waE2E.Message, change func(*waE2E.ContextInfo) *waE2E.ContextInfo) bool {
	m = Unwrap(m).Message
	if text := m.Conversation; text != nil {
		if info := change(nil); info != nil {
			m.Conversation, m.ExtendedTextMessage = nil, &waE2E.ExtendedTextMessage{Text: text, ContextInfo: info}
		}
		return true
	}
	r := m.ProtoReflect()
	rows := Rows()
	for i := range rows {
		row := &rows[i]
		if row.Role != Shown || row.descriptor.Message() == nil || !r.Has(row.descriptor) {
			continue
		}
		field := contextField(row.descriptor.Message())
		if field == nil {
			return false
		}
		part := r.Mutable(row.descriptor).Message()
		var present *waE2E.ContextInfo
		if part.Has(field) {
			present, _ = part.Get(field).Message().Interface().(*waE2E.ContextInfo)
		}
		if info := change(present); info != nil {
			part.Set(field, protoreflect.ValueOfMessage(info.ProtoReflect()))
		} else {
			part.Clear(field)
		}
		return true
	}
	return false
}

// Disappears tells whether a message is content, which disappears in chats with a timer:
// anything but a change of another message and what devices tell each other.
func Disappears(m *waE2E.Message) bool {
	c := Read(m)
	return c.Role == Shown || edited(c.Message) != nil
}

// edited is the new content in an edit; nil for anything else.
func edited(m *waE2E.Message) *waE2E.Message {
	if p := m.GetProtocolMessage(); p.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT {
		return p.GetEditedMessage()
	}
	return nil
}

// SetTimer makes the content of m disappear after some seconds, unless it says already
// after how long it does; setAt is when the chat got that timer, 0: not known. Content that
// is no message of its own, such as a reaction, stays as it is; an edit has the timer in
// its new content. Mode says who started the timer and why; nil: not known.
func SetTimer(m *waE2E.Message, seconds uint32, setAt int64, mode *waE2E.DisappearingMode) {
	if content := edited(Unwrap(m).Message); content != nil {
		m = content
	}
	ChangeContext(m, func(info *waE2E.ContextInfo) *waE2E.ContextInfo {
		if info != nil && info.Expiration != nil {
			return info
		}
		if info == nil {
			info = &waE2E.ContextInfo{}
		}
		info.Expiration = &seconds
		if setAt > 0 {
			info.EphemeralSettingTimestamp = &setAt
		}
		if mode != nil {
			info.DisappearingMode = mode
		}
		return info
	})
}

// SetCaption gives the file in m another caption, none when it is empty; false when it can
// have none.
func SetCaption(m *waE2E.Message, caption string) bool {
	m = Unwrap(m).Message
	text := &caption
	if caption == "" {
		text = nil
	}
	switch {
	case m.ImageMessage != nil:
		m.ImageMessage.Caption = text
	case m.VideoMessage != nil:
		m.VideoMessage.Caption = text
	case m.DocumentMessage != nil:
		m.DocumentMessage.Caption = text
	default:
		return false
	}
	return true
}
