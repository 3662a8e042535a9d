package baileys

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"whatsapp-manager/supervisor/moving"
)

// blob is bytes in JSON: {"type":"Buffer","data":"base64"}, the same with a list of
// numbers, {"0":1,"1":2}, or a text in base64.
type blob []byte

// UnmarshalJSON reads all four ways.
func (b *blob) UnmarshalJSON(raw []byte) error {
	*b = nil
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return b.text(text)
	}
	var buffer struct {
		Type string
		Data json.RawMessage
	}
	if json.Unmarshal(raw, &buffer) == nil && buffer.Type == "Buffer" {
		if json.Unmarshal(buffer.Data, &text) == nil {
			return b.text(text)
		}
		var list []uint8Number
		if json.Unmarshal(buffer.Data, &list) != nil {
			return errBytes
		}
		for _, n := range list {
			*b = append(*b, byte(n))
		}
		return nil
	}
	var indexed map[string]uint8Number
	if json.Unmarshal(raw, &indexed) != nil || len(indexed) > maxFile {
		return errBytes
	}
	out := make([]byte, len(indexed))
	for at, n := range indexed {
		i, err := strconv.Atoi(at)
		if err != nil || i < 0 || i >= len(out) {
			return errBytes
		}
		out[i] = byte(n)
	}
	*b = out
	return nil
}

// MarshalJSON writes them as Baileys does.
func (b blob) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"type": "Buffer", "data": base64.StdEncoding.EncodeToString(b)})
}

func (b *blob) text(text string) (err error) {
	if *b, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
		return errBytes
	}
	return nil
}

var errBytes = moving.Unreadable("bytes are not written in a way that is known")

// uint8Number is a byte written as a number. Go reads a list of bytes as base64 otherwise.
type uint8Number uint8

// number is a whole number that may be written as text, or as a Long of protobuf.js.
type number int64

// UnmarshalJSON reads all three ways.
func (n *number) UnmarshalJSON(raw []byte) error {
	var long struct {
		Low  int32
		High int32
	}
	if len(raw) > 0 && raw[0] == '{' {
		if json.Unmarshal(raw, &long) != nil {
			return errNumber
		}
		*n = number(int64(long.High)<<32 | int64(uint32(long.Low)))
		return nil
	}
	text := strings.Trim(string(raw), `"`)
	if text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errNumber
	}
	*n = number(v)
	return nil
}

var errNumber = moving.Unreadable("a number is not a whole one, or too large")

// maxNames is how many names an object has at most: Baileys keeps far fewer sessions with a
// device, and five chains of one.
const maxNames = 10_000

var errNames = moving.Unreadable("an object has more than %d names", maxNames)

// ordered is a JSON object whose order counts: Baileys relies on it.
type ordered[T any] struct {
	keys   []string
	values map[string]T
}

// UnmarshalJSON keeps the order of the names.
func (o *ordered[T]) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &o.values); err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
		key, ok := name.(string)
		if !ok || seen[key] {
			continue
		}
		if len(seen) == maxNames {
			return errNames
		}
		seen[key] = true
		o.keys = append(o.keys, key)
	}
	return nil
}

// MarshalJSON writes the names in their order.
func (o ordered[T]) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, key := range o.keys {
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(o.values[key])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func (o *ordered[T]) add(key string, value T) {
	if o.values == nil {
		o.values = map[string]T{}
	}
	o.keys, o.values[key] = append(o.keys, key), value
}
