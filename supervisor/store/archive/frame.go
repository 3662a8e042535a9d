package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A frame is its kind (one byte), the length of its content (four bytes, the
// highest first) and the content.
const (
	frameHeader = 'H' // JSON of Header; the first
	frameTable  = 'T' // JSON of opening
	frameRows   = 'D' // a piece of the table's rows, cut anywhere
	frameClose  = 'E' // JSON of closing
	frameEnd    = 'Z' // nothing; the last
)

const (
	pieceSize  = 64 << 10
	maxContent = 1 << 20
)

// opening begins a table.
type opening struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

// closing ends it.
type closing struct {
	Rows int64 `json:"rows"`
}

// errDamaged says that what was read is no export, or no whole one.
var errDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// framer writes frames; what is written to it becomes rows.
type framer struct {
	out   io.Writer
	piece []byte
}

func newFramer(out io.Writer) *framer { return &framer{out: out, piece: make([]byte, 0, pieceSize)} }

func (f *framer) frame(kind byte, content []byte) error {
	head := [5]byte{0: kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(content)))
	if _, err := f.out.Write(head[:]); err != nil {
		return err
	}
	_, err := f.out.Write(content)
	return err
}

func (f *framer) document(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.frame(kind, b)
}

// Write adds to the rows of the table that is open.
func (f *framer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := min(pieceSize-len(f.piece), len(p))
		f.piece = append(f.piece, p[:room]...)
		p = p[room:]
		if len(f.piece) == pieceSize {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (f *framer) flush() error {
	if len(f.piece) == 0 {
		return nil
	}
	err := f.frame(frameRows, f.piece)
	f.piece = f.piece[:0]
	return err
}

// unframer reads frames.
type unframer struct {
	in      *bufio.Reader
	content []byte
}

func newUnframer(in io.Reader) *unframer { return &unframer{in: bufio.NewReaderSize(in, pieceSize)} }

// next returns a frame, whose content is good until the next call.
func (u *unframer) next() (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(u.in, head[:]); err != nil {
		return 0, nil, cutOff(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxContent {
		return 0, nil, damaged("a part of %d bytes", n)
	}
	if uint32(cap(u.content)) < n {
		u.content = make([]byte, n)
	}
	u.content = u.content[:n]
	if _, err := io.ReadFull(u.in, u.content); err != nil {
		return 0, nil, cutOff(err)
	}
	return head[0], u.content, nil
}

// end makes sure that nothing follows and, as only who reads to the end knows,
// that every checksum was right.
func (u *unframer) end() error {
	switch _, err := u.in.ReadByte(); {
	case err == nil:
		return damaged("something follows its end")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

func (u *unframer) document(want byte, v any) error {
	kind, content, err := u.next()
	if err != nil {
		return err
	}
	if kind != want {
		return damaged("part %q where %q belongs", kind, want)
	}
	if err := json.Unmarshal(content, v); err != nil {
		return damaged("part %q cannot be read", kind)
	}
	return nil
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends too early")
	}
	return err
}

// rows reads the rows of an open table, each behind a prefix, up to the frame
// that closes it.
type rows struct {
	in     *unframer
	prefix []byte
	buf    []byte // ready to be read
	start  bool   // the next byte begins a row
	closed bool
	count  int64 // as the file says
	err    error // for Postgres' own errors hide it
}

func newRows(in *unframer, prefix string) *rows {
	return &rows{in: in, prefix: []byte(prefix), start: true}
}

// Read returns io.EOF behind the last row.
func (r *rows) Read(p []byte) (int, error) {
	for len(r.buf) == 0 {
		if r.err == nil {
			r.err = r.more()
		}
		if r.err != nil {
			return 0, r.err
		}
		if r.closed {
			return 0, io.EOF
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *rows) more() error {
	kind, content, err := r.in.next()
	if err != nil {
		return err
	}
	switch kind {
	case frameClose:
		var c closing
		if err := json.Unmarshal(content, &c); err != nil || !r.start {
			return damaged("a table does not end where a row ends")
		}
		r.count, r.closed = c.Rows, true
		return nil
	case frameRows:
	default:
		return damaged("part %q among rows", kind)
	}
	// COPY never writes a bare carriage return, and takes one for the end of a
	// row where it is the first: rows without our prefix.
	if bytes.IndexByte(content, '\r') >= 0 {
		return damaged("a row that Postgres would not write")
	}
	r.buf = r.buf[:0]
	for len(content) > 0 {
		if r.start {
			r.buf = append(r.buf, r.prefix...)
		}
		end := bytes.IndexByte(content, '\n') + 1
		r.start = end > 0
		if end == 0 {
			end = len(content)
		}
		r.buf = append(r.buf, content[:end]...)
		content = content[end:]
	}
	return nil
}

func openingOf(content []byte) (open opening, err error) {
	if json.Unmarshal(content, &open) != nil || open.Table == "" || len(open.Columns) == 0 {
		return open, damaged("a table without a name or columns")
	}
	return open, nil
}
