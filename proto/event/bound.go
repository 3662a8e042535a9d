package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Max is how many bytes an event has at most when it is posted with everything in it, apart
// from its envelope. It is what web servers take unless they are told otherwise, so that no
// message stands still in front of a receiver who refuses it for its size.
const Max = 1 << 20

// measures are how much of an argument stays: bytes of a text, members of a list, and bytes
// of what is nested in it. Zero: no limit.
type measures struct{ text, items, nested int }

// steps are tried one after the other, until an event fits. With the last one each does: what
// an argument has besides nested parts is not much. All of them leave ids whole.
var steps = []measures{
	{text: 128 << 10, items: 4000},
	{text: 32 << 10, items: 1000},
	{text: 8 << 10, items: 200},
	{text: 2 << 10, items: 50},
	{text: 1 << 10, items: 10},
	{text: 512, items: 5, nested: Max / 16},
}

// maxNamed bounds the list of what was left out.
const maxNamed = 32

// bound returns the arguments and their content so short that they fit, and where something
// is missing: data.body, args.1. The first argument counts twice, since readers get it twice,
// and so does the content, which they find in both places.
func bound(raw Raw, args []json.RawMessage) (Raw, []json.RawMessage, []string) {
	if weight(args)+2*len(raw.Message) <= Max {
		return raw, args, nil
	}
	if len(raw.Message) > 0 {
		raw = Raw{Omitted: true}
	}
	if weight(args) <= Max {
		return raw, args, nil
	}
	var short []json.RawMessage
	var missing []string
	for _, step := range steps {
		short, missing = make([]json.RawMessage, len(args)), nil
		for i, arg := range args {
			c := cutter{measures: step, missing: missing, path: []string{"data"}}
			if i > 0 {
				c.path = []string{"args", strconv.Itoa(i)}
			}
			c.base = len(c.path)
			short[i] = c.cut(arg)
			missing = c.missing
		}
		if weight(short) <= Max {
			break
		}
	}
	return raw, short, missing
}

func weight(args []json.RawMessage) (sum int) {
	for i, arg := range args {
		sum += len(arg)
		if i == 0 {
			sum += len(arg)
		}
	}
	return sum
}

// cutter shortens one document, and keeps the order of its members.
type cutter struct {
	measures
	path    []string
	base    int // length of the path to the argument itself
	from    int // where the member of the argument begins that is written now
	missing []string
	in      *json.Decoder
	out     bytes.Buffer
}

func (c *cutter) cut(document json.RawMessage) json.RawMessage {
	c.in = json.NewDecoder(bytes.NewReader(document))
	c.in.UseNumber()
	if err := c.value(); err != nil { // it is no JSON, against the promise of who gave it
		c.lack()
		return json.RawMessage("null")
	}
	return c.out.Bytes()
}

func (c *cutter) lack() {
	if len(c.missing) < maxNamed {
		c.missing = append(c.missing, strings.Join(c.path, "."))
	}
}

func (c *cutter) value() error {
	token, err := c.in.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return c.object()
		}
		return c.list()
	case string:
		if len(token) > c.text {
			end := c.text
			for !utf8.RuneStart(token[end]) {
				end--
			}
			token = token[:end]
			c.lack()
		}
		return c.write(token)
	default:
		return c.write(token)
	}
}

// write writes a value that has no parts, as shapes are written.
func (c *cutter) write(value any) error {
	e := json.NewEncoder(&c.out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	c.out.Truncate(c.out.Len() - 1) // the line's end
	return err
}

// full reports whether there is no room for another part at this level. Each member of the
// argument has room of its own, so that a long one leaves some for those behind it.
func (c *cutter) full(level int) bool {
	if level <= 1 {
		c.from = c.out.Len()
		return c.nested > 0 && c.out.Len() > 2*c.nested
	}
	return c.nested > 0 && c.out.Len()-c.from > c.nested
}

func (c *cutter) object() error {
	c.out.WriteByte('{')
	for n := 0; c.in.More(); {
		token, err := c.in.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if len(key) > c.text {
			key = ""
		}
		c.path = append(c.path, key)
		if key == "" || c.full(len(c.path)-c.base) {
			err = c.skip()
		} else {
			if n++; n > 1 {
				c.out.WriteByte(',')
			}
			if err = c.write(key); err == nil {
				c.out.WriteByte(':')
				err = c.value()
			}
		}
		if err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	c.out.WriteByte('}')
	return c.end()
}

func (c *cutter) list() error {
	c.out.WriteByte('[')
	left := false
	for n := 0; c.in.More(); n++ {
		if left = left || n >= c.items || c.full(len(c.path)-c.base+1); left {
			var rest json.RawMessage
			if err := c.in.Decode(&rest); err != nil {
				return err
			}
			continue
		}
		if n > 0 {
			c.out.WriteByte(',')
		}
		c.path = append(c.path, strconv.Itoa(n))
		if err := c.value(); err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	if left {
		c.lack()
	}
	c.out.WriteByte(']')
	return c.end()
}

// skip leaves the next value out.
func (c *cutter) skip() error {
	c.lack()
	var left json.RawMessage
	return c.in.Decode(&left)
}

// end reads the end of an object or a list.
func (c *cutter) end() error {
	_, err := c.in.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
