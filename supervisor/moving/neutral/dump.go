package neutral

import _ "embed"

// DumpScript is a JavaScript expression that dumps a logged-in page of WhatsApp Web into
// the form that Read reads; its first lines say how to use it.
//
//go:embed dump.js
var DumpScript string
