// Package catalog holds the list of methods that a worker answers: names,
// parameters, results and a line of documentation each. The list is generated
// from the worker's method table (worker/relay) and embedded, so that the
// manager can list and check methods without linking the worker.
package catalog

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

//go:embed methods.json
var methods []byte

// Family says where a method's name comes from.
type Family string

// The families of methods.
const (
	WWebJS    Family = "wwebjs"    // whatsapp-web.js: `sendMessage`, `Chat.sendSeen`
	Whatsmeow Family = "whatsmeow" // `whatsmeow.GetGroupInfo`, by reflection
)

// Verdict says how a method is answered.
type Verdict string

// How methods are answered.
const (
	Native     Verdict = "native"     // the real thing
	Impossible Verdict = "impossible" // answers 501; Reason says why
	Closed     Verdict = "closed"     // answers 403 until the operator opens it; Reason says why
)

// Finish is what the manager makes of a worker's answer. It spares every worker the tables
// that this needs.
type Finish string

// What the manager makes of the digits of a phone number.
const (
	FormattedNumber Finish = "formattedNumber" // the number as people write it
	CountryCode     Finish = "countryCode"     // its calling code
)

// Method is one entry. Name is what stands in the URL.
type Method struct {
	Name     string          `json:"name"`
	Family   Family          `json:"family"`
	Class    string          `json:"class"` // Client, Chat, Message, …; whatsmeow
	Doc      string          `json:"doc"`
	Params   []Param         `json:"params"`
	Result   string          `json:"result"` // TypeScript-like, e.g. "Message", "Chat[]", "void"
	Verdict  Verdict         `json:"verdict"`
	Reason   string          `json:"reason,omitempty"`
	Decision Decision        `json:"decision,omitempty"` // of whatsmeow's methods
	Getter   bool            `json:"getter,omitempty"`   // may be asked by GET: no required parameter, changes nothing
	Sends    bool            `json:"sends,omitempty"`    // counts against the instance's rate of sends
	Manager  bool            `json:"manager,omitempty"`  // answered by the manager, with or without a worker
	Unpaired bool            `json:"unpaired,omitempty"` // answers without a paired account
	Own      bool            `json:"own,omitempty"`      // of family wwebjs, though whatsapp-web.js does not have it
	Finish   Finish          `json:"finish,omitempty"`   // what the manager makes of the answer
	Example  json.RawMessage `json:"example,omitempty"`  // a params array
}

// Param is one positional parameter. Type is one of the JSON types (string,
// number, boolean, object, array), a union with |, "jid", "messageId", or "any";
// for whatsmeow methods it is the Go type.
type Param struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Variadic bool   `json:"variadic,omitempty"`
	Doc      string `json:"doc,omitempty"`
}

// TakesMedia tells whether a file may be among the parameters.
func (m Method) TakesMedia() bool {
	for _, p := range m.Params {
		if p.Type == "MessageMedia" || p.Name == "content" && strings.Contains(p.Type, "object") {
			return true
		}
	}
	return false
}

// AnswersFile tells whether the result may be a file, in base64.
func (m Method) AnswersFile() bool {
	return strings.Contains(m.Result, "MessageMedia") || m.Result == "[]byte"
}

var load = sync.OnceValues(func() (map[string]Method, error) {
	var list []Method
	if err := json.Unmarshal(methods, &list); err != nil {
		return nil, fmt.Errorf("parse embedded method list: %w", err)
	}
	byName := make(map[string]Method, len(list))
	for _, m := range list {
		if _, twice := byName[m.Name]; twice {
			return nil, fmt.Errorf("method %s is listed twice", m.Name)
		}
		byName[m.Name] = m
	}
	return byName, nil
})

// Lookup returns the method of that exact name.
func Lookup(name string) (Method, bool) {
	byName, err := load()
	if err != nil {
		return Method{}, false
	}
	m, ok := byName[name]
	return m, ok
}

// All returns every method in the order of the generated file (by family,
// class, name). The caller owns the slice.
func All() ([]Method, error) {
	var list []Method
	if err := json.Unmarshal(methods, &list); err != nil {
		return nil, fmt.Errorf("parse embedded method list: %w", err)
	}
	return list, nil
}
