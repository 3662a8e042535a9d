// Package redact keeps message content out of logs, last words and the link's
// details. whatsmeow puts whole stanzas into its log lines and errors.
package redact

import (
	"fmt"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Text replaces what an error quotes as XML by the word "(stanza)".
func Text(text string) string {
	open := strings.IndexByte(text, '<')
	end := strings.LastIndexByte(text, '>')
	if open < 0 || end < open {
		return text
	}
	return text[:open] + "(stanza)" + text[end+1:]
}

// Arg is an argument of a log line without content: a stanza becomes its tag and id,
// raw bytes become their number. All else stays as it is.
func Arg(arg any) any {
	switch v := arg.(type) {
	case *waBinary.Node:
		return stanza(v)
	case waBinary.Node:
		return stanza(&v)
	case []byte:
		return fmt.Sprintf("(%d bytes)", len(v))
	}
	return arg
}

func stanza(n *waBinary.Node) string {
	if n == nil {
		return "(no stanza)"
	}
	return fmt.Sprintf("stanza %s id=%v", n.Tag, n.Attrs["id"])
}
