package archive

import (
	"bytes"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
)

// longestRow is far above what is in the tables whose rows are changed on their
// way: keys, and texts of single messages.
const longestRow = 64 << 20

// row is one of COPY's text. What cannot be read is noted in err, once.
type row struct{ *rowText }

type rowText struct {
	columns []string
	fields  [][]byte
	err     error
}

const null = `\N`

// escapes are all that COPY writes in a text.
var escapes = strings.NewReplacer(`\`, `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`)

func (r *rowText) field(column string) *[]byte { return &r.fields[slices.Index(r.columns, column)] }

func (r *rowText) bad(column string) {
	if r.err == nil {
		r.err = damaged("a value of %s that Postgres would not write", column)
	}
}

// text returns a value as text, "" for NULL.
func (r *rowText) text(column string) string {
	raw := *r.field(column)
	if string(raw) == null {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		if i++; i == len(raw) {
			r.bad(column)
			return ""
		}
		at := strings.IndexByte(`\bfnrtv`, raw[i])
		if at < 0 {
			r.bad(column)
			return ""
		}
		out = append(out, "\\\b\f\n\r\t\v"[at])
	}
	return string(out)
}

// bytes returns a value of type bytea, nil for NULL.
func (r *rowText) bytes(column string) []byte {
	raw := *r.field(column)
	if string(raw) == null {
		return nil
	}
	digits, ok := bytes.CutPrefix(raw, []byte(`\\x`))
	value := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(value, digits); !ok || err != nil {
		r.bad(column)
		return []byte{}
	}
	return value
}

// key returns a value of 32 bytes.
func (r *rowText) key(column string) (key [32]byte) {
	value := r.bytes(column)
	if len(value) != len(key) {
		r.bad(column)
		return key
	}
	return [32]byte(value)
}

func (r *rowText) number(column string) uint32 {
	n, err := strconv.ParseUint(string(*r.field(column)), 10, 31)
	if err != nil {
		r.bad(column)
	}
	return uint32(n)
}

func (r *rowText) setText(column, value string) { *r.field(column) = []byte(escapes.Replace(value)) }

func (r *rowText) setBytes(column string, value []byte) {
	*r.field(column) = append([]byte(`\\x`), hex.AppendEncode(nil, value)...)
}

// turned applies a turn to a line without its end. It returns nil for a row that
// is left out.
func turned(line []byte, columns []string, t turn) ([]byte, error) {
	fields := bytes.Split(line, []byte{'\t'})
	if len(fields) != len(columns) {
		return nil, damaged("a row of %d values where %d belong", len(fields), len(columns))
	}
	keep, err := t(row{&rowText{columns: columns, fields: fields}})
	if err != nil || !keep {
		return nil, err
	}
	return append(bytes.Join(fields, []byte{'\t'}), '\n'), nil
}

// turningWriter changes the rows that are written to it. COPY ends with a whole one.
type turningWriter struct {
	out     io.Writer
	columns []string
	turn    turn
	rest    []byte
	rows    int64 // that were written
}

func (w *turningWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, after, whole := bytes.Cut(p, []byte{'\n'})
		if len(w.rest)+len(line) > longestRow {
			return 0, errTooLong
		}
		if !whole {
			w.rest = append(w.rest, line...)
			return n, nil
		}
		line = append(w.rest, line...)
		changed, err := turned(line, w.columns, w.turn)
		if err != nil {
			return 0, err
		}
		if changed != nil {
			w.rows++
			if _, err := w.out.Write(changed); err != nil {
				return 0, err
			}
		}
		w.rest, p = w.rest[:0], after
	}
}

// turningReader changes the rows that are read through it.
type turningReader struct {
	in      *rows
	columns []string
	turn    turn
	piece   []byte
	rest    []byte // of in, no whole row
	ready   []byte
}

func (r *turningReader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		line, after, whole := bytes.Cut(r.piece, []byte{'\n'})
		if len(r.rest)+len(line) > longestRow {
			r.in.err = damaged("%v", errTooLong)
			return 0, r.in.err
		}
		r.rest = append(r.rest, line...)
		r.piece = after
		if whole {
			changed, err := turned(r.rest, r.columns, r.turn)
			if err != nil {
				r.in.err = err // Postgres' own error hides it
				return 0, err
			}
			r.rest, r.ready = r.rest[:0], changed
			continue
		}
		buffer := make([]byte, pieceSize)
		n, err := r.in.Read(buffer)
		if err != nil {
			return 0, err
		}
		r.piece = buffer[:n]
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}
