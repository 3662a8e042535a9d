package jsonfile

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"whatsapp-manager/proto/fault"
)

const op = "api.file"

// Keep is the length above which a text in the member data is taken out. What is
// shorter costs less where it is than a stream of its own.
const Keep = 64 << 10

// Options say what Take may do.
type Options struct {
	Limit    int64 // bytes of the document that remains; above it: TooLarge
	MaxDepth int   // of nesting
	MaxFiles int
	// Put takes a file and returns the name of the upload. It reads r to its end or
	// returns an error; r's own errors it returns as they are. path says where the
	// file stands, e.g. params[1].data.
	Put func(path string, r io.Reader) (upload string, err error)
	// Hold is told how many more bytes are held in memory; its error ends the work.
	Hold func(n int64) error
	// TooLarge makes the error of a document above Limit.
	TooLarge func() error
}

// frame is one open object or array on the way to the current byte.
type frame struct {
	array    bool
	index    int
	key      string // of the current member, as it is written
	keyAt    int    // where in the output it begins
	atKey    bool   // the next text is a member's name
	mimetype bool   // there was a member of this name that says something
}

type taker struct {
	Options
	in    *bufio.Reader
	out   []byte
	stack []frame
	files int
}

// Take copies the JSON document in r and returns it without its files: a member
// data whose text is longer than Keep has become a member upload. It does not
// check that r is JSON: what is not stays so in the copy. Errors are faults, those
// of r, and those of the functions in o.
func Take(r io.Reader, o Options) ([]byte, error) {
	const window = Keep + 4<<10
	if err := o.Hold(window); err != nil {
		return nil, err
	}
	t := &taker{Options: o, in: bufio.NewReaderSize(r, window)}
	for {
		c, err := t.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return t.out, nil
		}
		if err == nil {
			err = t.take(c)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (t *taker) top() *frame {
	if len(t.stack) == 0 {
		return &frame{}
	}
	return &t.stack[len(t.stack)-1]
}

func (t *taker) take(c byte) error {
	switch c {
	case '{', '[':
		if len(t.stack) == t.MaxDepth {
			return fault.Bad(op, t.path(), "%s: is nested deeper than %d levels", t.path(), t.MaxDepth)
		}
		t.stack = append(t.stack, frame{array: c == '[', atKey: c == '{'})
	case '}', ']':
		if len(t.stack) > 0 {
			t.stack = t.stack[:len(t.stack)-1]
		}
	case ',':
		top := t.top()
		top.index++
		top.atKey = !top.array
	case ':':
		t.top().atKey = false
	case '"':
		return t.text()
	}
	return t.emit(c)
}

// text copies the text whose opening quote was just read, or takes it out.
func (t *taker) text() error {
	top := t.top()
	inObject := len(t.stack) > 0 && !top.array
	if inObject && !top.atKey && top.key == "data" {
		whole, err := t.short()
		if err != nil {
			return err
		}
		if !whole {
			return t.file()
		}
	}
	begin := len(t.out)
	if err := t.copyText(); err != nil {
		return err
	}
	body := t.out[begin+1:]
	if n := len(body); n > 0 && body[n-1] == '"' {
		body = body[:n-1]
	}
	switch {
	case !inObject:
	case top.atKey:
		top.key, top.keyAt = string(body), begin
	case top.key == "mimetype" && len(body) > 0:
		top.mimetype = true
	}
	return nil
}

// copyText copies to the closing quote, or to the end where there is none.
func (t *taker) copyText() error {
	if err := t.emit('"'); err != nil {
		return err
	}
	for escaped := false; ; {
		c, err := t.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = t.emit(c)
		}
		if err != nil {
			return err
		}
		if c == '"' && !escaped {
			return nil
		}
		escaped = c == '\\' && !escaped
	}
}

// short tells whether the text that comes ends within Keep bytes.
func (t *taker) short() (bool, error) {
	ahead, err := t.in.Peek(Keep + 1)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = nil // the document ends there, well or not
		}
		return true, err
	}
	escaped := false
	for _, c := range ahead {
		if c == '"' && !escaped {
			return true, nil
		}
		escaped = c == '\\' && !escaped
	}
	return false, nil
}

// file hands the text that comes on and leaves its upload's name in its place.
func (t *taker) file() error {
	path := t.path()
	if t.files++; t.files > t.MaxFiles {
		return fault.Bad(op, path, "%s: a call has at most %d files", path, t.MaxFiles)
	}
	raw := &text{in: t.in, path: path}
	kind, err := raw.header()
	if err != nil {
		return err
	}
	name, err := t.Put(path, &decoded{base64.NewDecoder(base64.StdEncoding, raw), path})
	if err != nil {
		return err
	}
	if !raw.over {
		return fault.New(fault.Internal, op, "a file was not read to its end")
	}
	top := t.top()
	t.out = t.out[:top.keyAt]
	member := fmt.Sprintf(`"upload":%s`, quoted(name))
	if kind != "" && !top.mimetype {
		// One that comes later in the object counts more, as it shall.
		member += `,"mimetype":` + quoted(kind)
	}
	for i := range len(member) {
		if err := t.emit(member[i]); err != nil {
			return err
		}
	}
	return nil
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// emit adds to the document that remains.
func (t *taker) emit(c byte) error {
	if int64(len(t.out)) >= t.Limit {
		return t.TooLarge()
	}
	if len(t.out) == cap(t.out) {
		size := max(4<<10, 2*cap(t.out))
		if err := t.Hold(int64(size - cap(t.out))); err != nil {
			return err
		}
		t.out = append(make([]byte, 0, size), t.out...)
	}
	t.out = append(t.out, c)
	return nil
}

// path names the place of the current value: params[1].data.
func (t *taker) path() string {
	var b strings.Builder
	for i, f := range t.stack {
		switch {
		case f.array:
			if i == 0 {
				b.WriteString("params") // a body may be the array alone
			}
			fmt.Fprintf(&b, "[%d]", f.index)
		case f.key != "" && !f.atKey:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(strings.ToValidUTF8(f.key[:min(len(f.key), 100)], "\uFFFD"))
		}
	}
	if b.Len() == 0 {
		return "body"
	}
	return b.String()
}

// decoded says of a text that is no base64 where it stands.
type decoded struct {
	r    io.Reader
	path string
}

func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = notBase64(d.path)
	}
	return n, err
}

func notBase64(path string) error { return fault.Bad(op, path, "%s: expected base64", path) }
