package jsoncheck

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Defect is the first thing in a document that must not be decoded.
type Defect struct {
	Path   string // params[1].caption; empty when it is the document itself
	Reason string // a sentence without the offending bytes
}

func (d *Defect) Error() string {
	if d.Path == "" {
		return d.Reason
	}
	return d.Path + ": " + d.Reason
}

// frame is one open object or array on the way to the current byte.
type frame struct {
	array bool
	index int
	key   []byte // of the current member, still escaped
	atKey bool   // the next string is a member's name
}

// Check returns the first defect of data, or nil: invalid UTF-8, half of a
// surrogate pair or a NUL character in a string, or nesting beyond maxDepth. It does not say that data
// is JSON; what is not JSON is reported only as far as it is one of these.
func Check(data []byte, maxDepth int) *Defect {
	var stack []frame
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '{', '[':
			if len(stack) == maxDepth {
				return &Defect{Path: path(stack), Reason: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
			}
			stack = append(stack, frame{array: c == '[', atKey: c == '{'})
		case '}', ']':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		case ',':
			if len(stack) > 0 {
				top := &stack[len(stack)-1]
				top.index++
				top.atKey = !top.array
			}
		case ':':
			if len(stack) > 0 {
				stack[len(stack)-1].atKey = false
			}
		case '"':
			end, flaw := scanString(data, i+1)
			text := data[i+1 : end]
			isKey := len(stack) > 0 && stack[len(stack)-1].atKey
			at := stack
			if isKey {
				stack[len(stack)-1].key = text
				at = stack[:len(stack)-1]
			}
			switch {
			case !utf8.Valid(text):
				return &Defect{Path: path(at), Reason: what(isKey) + " is not valid UTF-8"}
			case flaw != "":
				return &Defect{Path: path(at), Reason: what(isKey) + " " + flaw}
			}
			i = end
		default:
			if c < utf8.RuneSelf {
				continue
			}
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				return &Defect{Path: path(stack), Reason: "is not valid UTF-8"}
			}
			i += size - 1
		}
	}
	return nil
}

func what(isKey bool) string {
	if isKey {
		return "the name of a member"
	}
	return "the text"
}

// scanString returns the index of the closing quote of the string that starts
// at i (len(data) when it is open), and what it holds that no text may.
func scanString(data []byte, i int) (end int, flaw string) {
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i, flaw
		case 0:
			flaw = nul
		case '\\':
			r, ok := escaped(data[i:])
			i++
			switch {
			case !ok:
			case r == 0:
				flaw = nul
			case utf16.IsSurrogate(r):
				low, ok := escaped(data[i+5:])
				if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
					flaw = "contains half of a surrogate pair"
					continue
				}
				i += 10
			}
		}
	}
	return len(data), flaw
}

const nul = "contains the NUL character"

// escaped reads \uXXXX at the beginning of data.
func escaped(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return rune(code), err == nil
}

func path(stack []frame) string {
	var b strings.Builder
	for _, f := range stack {
		switch {
		case f.array:
			fmt.Fprintf(&b, "[%d]", f.index)
		case f.key != nil && !f.atKey:
			name := string(f.key)
			if unquoted, err := strconv.Unquote(`"` + name + `"`); err == nil {
				name = unquoted
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(strings.ToValidUTF8(name, "\uFFFD"))
		}
	}
	return b.String()
}
