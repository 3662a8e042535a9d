package bounds

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// ErrTooMuch refuses a document that is too large once it is unpacked.
var ErrTooMuch = errors.New("the document unfolds to too much")

// Inflate unpacks a zlib stream. It returns ErrTooMuch when the result has more than most
// bytes, before it takes memory for them.
func Inflate(packed []byte, most int64) ([]byte, error) {
	size, err := inflate(packed, io.Discard, most)
	if err != nil {
		return nil, err
	}
	raw := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // the spare room keeps it from growing at the end
	if _, err = inflate(packed, raw, most); err != nil {
		return nil, err
	}
	return raw.Bytes(), nil
}

func inflate(packed []byte, to io.Writer, most int64) (int64, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, fmt.Errorf("inflate: %w", err)
	}
	n, err := io.Copy(to, io.LimitReader(r, most+1))
	if err != nil {
		return 0, fmt.Errorf("inflate: %w", err)
	}
	if n > most {
		return 0, ErrTooMuch
	}
	return n, nil
}

// maxDepth is how deep messages may be nested. protobuf's own limit is 10,000; real
// messages have a few levels.
const maxDepth = 200

// Cost returns an upper estimate of the memory, in bytes, that a message of this kind
// takes once it is decoded, and ErrTooMuch when that is above most. Two bytes on the wire
// may be an empty message, which takes hundreds of bytes in memory.
func Cost(raw []byte, kind protoreflect.MessageDescriptor, most int64) (int64, error) {
	c := costing{most: most, sizes: map[protoreflect.FullName]int64{}}
	err := c.message(raw, kind, 0)
	return c.cost, err
}

type costing struct {
	cost, most int64
	sizes      map[protoreflect.FullName]int64
}

const (
	perElement = 24 // a pointer or a number in a slice that has grown, or a value of its own
	perOneof   = 16
	perMap     = 128 // an entry
)

func (c *costing) add(n int64) error {
	if c.cost += n; c.cost > c.most {
		return ErrTooMuch
	}
	return nil
}

func (c *costing) size(kind protoreflect.MessageDescriptor) int64 {
	if n, known := c.sizes[kind.FullName()]; known {
		return n
	}
	n := int64(1024) // of a kind that is not linked in; no kind is much larger
	if found, err := protoregistry.GlobalTypes.FindMessageByName(kind.FullName()); err == nil {
		n = int64(reflect.TypeOf(found.Zero().Interface()).Elem().Size())
		n += n / 8 // the allocator rounds up
	}
	c.sizes[kind.FullName()] = n
	return n
}

func (c *costing) message(raw []byte, kind protoreflect.MessageDescriptor, depth int) error {
	if depth > maxDepth {
		return ErrTooMuch
	}
	if err := c.add(c.size(kind)); err != nil {
		return err
	}
	fields := kind.Fields()
	for len(raw) > 0 {
		number, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return fmt.Errorf("read document: %w", protowire.ParseError(n))
		}
		raw = raw[n:]
		value := protowire.ConsumeFieldValue(number, wire, raw)
		if value < 0 {
			return fmt.Errorf("read document: %w", protowire.ParseError(value))
		}
		if err := c.field(raw[:value], wire, fields.ByNumber(number), depth); err != nil {
			return err
		}
		raw = raw[value:]
	}
	return nil
}

func (c *costing) field(raw []byte, wire protowire.Type, field protoreflect.FieldDescriptor, depth int) error {
	if field == nil {
		return c.add(int64(len(raw)) + perElement)
	}
	each := int64(perElement)
	switch {
	case field.IsMap():
		each = perMap
	case field.ContainingOneof() != nil:
		each += perOneof
	}
	if err := c.add(each); err != nil {
		return err
	}
	if wire != protowire.BytesType {
		return c.add(int64(len(raw)))
	}
	body, n := protowire.ConsumeBytes(raw)
	if n < 0 {
		return fmt.Errorf("read document: %w", protowire.ParseError(n))
	}
	switch field.Kind() {
	case protoreflect.MessageKind:
		return c.message(body, field.Message(), depth+1)
	case protoreflect.StringKind, protoreflect.BytesKind:
		return c.add(int64(len(body)) + perElement)
	}
	return c.add(int64(len(body)) * 16) // packed numbers, each in a slice that has grown
}
