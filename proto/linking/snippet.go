package linking

import (
	_ "embed" // for snippet.js
	"strings"
)

//go:embed snippet.js
var snippet string

// Snippet returns one line of JavaScript for the console of a browser, in a tab at
// Origin. It shows a button, because browsers want a click and a page with the focus
// before they ask for a passkey, and then the answer to give back.
func Snippet(options []byte) string {
	return strings.Replace(strings.TrimSpace(snippet), "OPTIONS", string(options), 1)
}
