// Package event owns the payload of an event as it lies in the feed:
// {"args": [<all arguments>]}, and where the first argument is a Message and somebody wants it,
// "raw": <its content as WhatsApp has it>. Readers get the first argument as "data", too; older
// payloads have it twice. Workers and the manager write payloads, and the readers of the feed
// take them apart. Of two events in a row that say the same the first has the payload Next. The arguments are those of
// the whatsapp-web.js event, in its order. The package does not know what they are; it shortens
// those that are too long, and "truncated" says where.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Next is the payload of an event that has the one of the event with the next seq. That one
// has a payload of its own, was committed with this one, and is trimmed after it.
const Next = `{"next":true}`

// Worth is from how many bytes on a payload is not written twice.
const Worth = 128

// Payload is what an event says. Data and Args are valid JSON: Data is null when
// the event has no argument, and Args is then an empty array.
type Payload struct {
	Data json.RawMessage `json:"data"`
	Args json.RawMessage `json:"args"`
	Raw
	// Truncated names what was left out because the event would have been longer than Max:
	// data.body, args.1. At most 32 places are named.
	Truncated []string `json:"truncated,omitempty"`
}

// Raw is the content of an event's Message. Its zero value adds nothing to a payload.
type Raw struct {
	Message json.RawMessage `json:"raw,omitempty"`        // waE2E.Message as protobuf's JSON; nil when there is none
	Omitted bool            `json:"rawOmitted,omitempty"` // there is some, and it is too long or has no JSON
}

// Encode writes the payload of an event with these arguments, each of them
// already valid JSON. It copies them.
func Encode(args ...json.RawMessage) json.RawMessage { return EncodeWith(Raw{}, args...) }

// EncodeWith is Encode for an event whose first argument is a Message with this content,
// which is valid JSON. Of what is longer than Max, the content is omitted first; then long
// texts and lists are cut.
func EncodeWith(raw Raw, args ...json.RawMessage) json.RawMessage {
	raw, args, missing := bound(raw, args)
	size := len(`{"args":[],"raw":,"rawOmitted":true}`) + len(raw.Message)
	for _, arg := range args {
		size += len(arg) + 1
	}
	var b bytes.Buffer
	b.Grow(size)
	b.WriteString(`{"args":[`)
	for i, arg := range args {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(arg)
	}
	b.WriteByte(']')
	if len(raw.Message) > 0 {
		b.WriteString(`,"raw":`)
		b.Write(raw.Message)
	}
	if raw.Omitted {
		b.WriteString(`,"rawOmitted":true`)
	}
	if len(missing) > 0 {
		b.WriteString(`,"truncated":`)
		named, _ := json.Marshal(missing) // texts have no error
		b.Write(named)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// Decode takes a payload apart.
func Decode(payload []byte) (Payload, error) {
	var p Payload
	if err := json.Unmarshal(payload, &p); err != nil {
		return Payload{}, fmt.Errorf("parse an event's payload: %w", err)
	}
	if p.Args == nil {
		p.Args = json.RawMessage("[]")
	}
	if p.Data == nil {
		p.Data = first(p.Args)
	}
	return p, nil
}

// first is the first member of a list that is valid JSON, null when it has none.
func first(list json.RawMessage) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(list))
	if open, err := d.Token(); err != nil || open != json.Delim('[') || !d.More() {
		return json.RawMessage("null")
	}
	begin := d.InputOffset()
	var member json.RawMessage
	if d.Decode(&member) != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSpace(list[begin:d.InputOffset()])
}
