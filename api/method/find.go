// Package method knows the methods of the catalog as a caller sees them: which
// there are, which may be called, and which parameters they take.
//
// It must not know workers, instances or how a method is carried out.
package method

import (
	"net/http"
	"strings"
	"sync"

	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

// shortForms are getters under the names that wrappers of whatsapp-web.js gave them.
var shortForms = map[string]string{"chats": "getChats", "contacts": "getContacts", "info": "getInfo"}

// IsShort reports whether the name is the short form of a getter.
func IsShort(name string) bool { return shortForms[name] != "" }

// List is the catalog, parsed once. Nobody may change it.
var List = sync.OnceValues(catalog.All)

func suggest(name string) []string {
	known, err := catalog.Names()
	if err != nil {
		return nil
	}
	return catalog.Suggest(name, known)
}

// Find returns the method of that name, or why it cannot be called with that HTTP
// verb. Opened are the methods that the operator has opened.
func Find(opened catalog.Opened, verb, name string) (catalog.Method, error) {
	const op = "method.Find"
	if verb == http.MethodGet && shortForms[name] != "" {
		name = shortForms[name]
	}
	m, ok := catalog.Lookup(name)
	switch {
	case !ok:
		shown := strings.ToValidUTF8(name, "\uFFFD")
		if len(shown) > 80 {
			shown = shown[:80] + "…"
		}
		p := &problem.Problem{
			Type: "about:blank", Status: http.StatusNotFound, Title: "Not Found", Code: "unknown_method", Field: "method",
			Detail: "there is no method " + trace.HideKeys(shown), Suggestions: suggest(name),
		}
		if len(p.Suggestions) > 0 {
			p.Detail += "; did you mean " + strings.Join(p.Suggestions, " or ") + "?"
		}
		return m, p
	case opened.Apply(m).Verdict == catalog.Closed:
		return m, &fault.Error{Kind: fault.Forbidden, Op: op, Field: "method", Code: "method_closed", Msg: m.Name + " is off: " + m.Reason}
	case m.Verdict == catalog.Impossible:
		return m, &fault.Error{Kind: fault.Unimplemented, Op: op, Field: "method", Code: "impossible", Msg: m.Reason}
	case verb == http.MethodGet && !m.Getter:
		return m, &problem.Problem{
			Type: "about:blank", Status: http.StatusMethodNotAllowed, Title: "Method Not Allowed", Code: "method_not_allowed", Field: "method",
			Detail: m.Name + " is called with POST", Allow: http.MethodPost,
		}
	}
	return m, nil
}
