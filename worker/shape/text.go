package shape

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxPart bounds the parts of ids. Real ones have at most some forty characters. A longer
// part is replaced by its digest, because a stranger must not decide the size of an index
// entry.
const maxPart = 128

// Clean returns text that both JSON and Postgres accept: valid UTF-8 without NUL.
func Clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// clip cleans one part of an id and bounds it.
func clip(s string) string {
	s = Clean(s)
	if len(s) <= maxPart {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// Marshal encodes a shape as JavaScript's JSON.stringify would: <, > and & are not escaped.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode shape: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}
