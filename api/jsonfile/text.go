package jsonfile

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"

	"whatsapp-manager/proto/fault"
)

// longestHeader bounds what may stand before the comma of a data URL.
const longestHeader = 200

// text reads what a JSON text holds, to its closing quote, as far as base64 can
// be in it: anything else is an error. Spaces around it do not count.
type text struct {
	in     *bufio.Reader
	path   string
	over   bool // the closing quote was read
	begun  bool // something other than spaces was
	ending bool // a space or padding was: only the like may follow
}

// header takes the beginning of a data URL (data:image/png;base64,) away and
// returns its media type; "" when it is none.
func (t *text) header() (kind string, err error) {
	ahead, err := t.in.Peek(longestHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	// Browsers and PHP write the slash of the media type as it is or escaped.
	head, _, found := strings.Cut(string(ahead), ",")
	plain := strings.ReplaceAll(head, `\/`, "/")
	if !found || !strings.HasPrefix(plain, "data:") || !strings.HasSuffix(plain, ";base64") || strings.ContainsAny(plain, "\"\\") {
		return "", nil
	}
	if _, err := t.in.Discard(len(head) + 1); err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimPrefix(plain, "data:"), ";base64"), nil
}

func (t *text) Read(p []byte) (n int, err error) {
	for n < len(p) && !t.over {
		if !t.ending {
			n += t.run(p[n:])
		}
		if n == len(p) || n > 0 && t.in.Buffered() == 0 {
			break // what is there is enough
		}
		c, err := t.next()
		if err != nil {
			return n, err
		}
		if t.over {
			break
		}
		switch c {
		case '\r', '\n':
			continue // base64 may be in lines
		case ' ', '\t':
			t.ending = t.ending || t.begun
			continue
		case '=':
			t.ending = true
		default:
			if t.ending {
				return n, notBase64(t.path)
			}
		}
		t.begun = true
		p[n] = c
		n++
	}
	if n == 0 && t.over {
		return 0, io.EOF
	}
	return n, nil
}

// alphabet marks the characters of base64.
var alphabet = func() (is [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		is[c] = true
	}
	return is
}()

// run copies what is in the buffer as far as it is plain base64.
func (t *text) run(p []byte) int {
	ahead, _ := t.in.Peek(t.in.Buffered()) // never more than there is
	n := 0
	for n < len(p) && n < len(ahead) && alphabet[ahead[n]] {
		n++
	}
	copy(p, ahead[:n])
	_, _ = t.in.Discard(n)
	t.begun = t.begun || n > 0
	return n
}

// next returns the next character, or sets over.
func (t *text) next() (byte, error) {
	c, err := t.byte()
	if err != nil {
		return 0, err
	}
	switch {
	case c == '"':
		t.over = true
		return 0, nil
	case c < ' ':
		return 0, fault.Bad(op, "body", "the body is not JSON: a control character in %s", t.path)
	case c != '\\':
		return c, nil
	}
	if c, err = t.byte(); err != nil {
		return 0, err
	}
	switch c {
	case '/':
		return '/', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		var digits [4]byte
		for i := range digits {
			if digits[i], err = t.byte(); err != nil {
				return 0, err
			}
		}
		if code, err := strconv.ParseUint(string(digits[:]), 16, 16); err == nil && code < 0x80 {
			return byte(code), nil
		}
	}
	return 0, notBase64(t.path)
}

func (t *text) byte() (byte, error) {
	c, err := t.in.ReadByte()
	if errors.Is(err, io.EOF) {
		err = fault.Bad(op, "body", "the body is not JSON: it ends in %s", t.path)
	}
	return c, err
}
