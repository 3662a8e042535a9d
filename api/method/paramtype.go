package method

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"whatsapp-manager/proto/catalog"
)

// kind is what a JSON value is.
type kind string

const (
	kindString  kind = "a string"
	kindNumber  kind = "a number"
	kindBoolean kind = "a boolean"
	kindArray   kind = "an array"
	kindObject  kind = "an object"
	kindNull    kind = "null"
)

// kindOf tells by the first byte; the document is known to be valid.
func kindOf(value json.RawMessage) kind {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return kindNull
	}
	switch value[0] {
	case '"':
		return kindString
	case '{':
		return kindObject
	case '[':
		return kindArray
	case 't', 'f':
		return kindBoolean
	case 'n':
		return kindNull
	default:
		return kindNumber
	}
}

// choice is what a parameter's type accepts.
type choice struct {
	kinds []kind
	// tag is the member by which an object may stand for the value, as in
	// {"$number":"Infinity"}; empty: none.
	tag string
}

func (c *choice) takes(value json.RawMessage) bool {
	k := kindOf(value)
	if slices.Contains(c.kinds, k) {
		return true
	}
	return k == kindObject && c.tag != "" && bytes.Contains(value, []byte(`"`+c.tag+`"`))
}

// accepted returns which values a type of the catalog takes, or nil when only the
// worker can tell. It never refuses a value that the worker might take.
func accepted(family catalog.Family, typ string) *choice {
	if family == catalog.Whatsmeow {
		return acceptedGo(typ)
	}
	all := &choice{}
	for t := range strings.SplitSeq(typ, "|") {
		c := acceptedJS(strings.TrimSpace(t))
		if c == nil {
			return nil
		}
		all.kinds = append(all.kinds, c.kinds...)
		if c.tag != "" {
			all.tag = c.tag
		}
	}
	return all
}

func acceptedJS(typ string) *choice {
	switch {
	case typ == "string":
		return &choice{kinds: []kind{kindString}}
	case typ == "number":
		return &choice{kinds: []kind{kindNumber}, tag: "$number"}
	case typ == "boolean":
		return &choice{kinds: []kind{kindBoolean}}
	case typ == "object":
		return &choice{kinds: []kind{kindObject}}
	case typ == "array" || strings.HasSuffix(typ, "[]"):
		return &choice{kinds: []kind{kindArray}}
	case typ == "null":
		return &choice{kinds: []kind{kindNull}}
	case typ == "jid" || typ == "messageId":
		// An id object of whatsapp-web.js carries its text in _serialized.
		return &choice{kinds: []kind{kindString}, tag: "_serialized"}
	}
	return nil
}

// acceptedGo knows the Go types whose JSON form is beyond doubt.
func acceptedGo(typ string) *choice {
	switch typ {
	case "string", "types.JID", "types.MessageID", "[]byte":
		return &choice{kinds: []kind{kindString}}
	case "bool":
		return &choice{kinds: []kind{kindBoolean}}
	case "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "float32", "float64":
		return &choice{kinds: []kind{kindNumber}, tag: "$number"}
	}
	if strings.HasPrefix(typ, "[]") {
		return &choice{kinds: []kind{kindArray, kindNull}}
	}
	return nil
}

// JSONTypes names the JSON types that a parameter's type takes, as JSON Schema
// does; ok is false when only the worker can tell.
func JSONTypes(family catalog.Family, typ string) (types []string, ok bool) {
	takes := accepted(family, typ)
	if takes == nil {
		return nil, false
	}
	names := map[kind]string{
		kindString: "string", kindNumber: "number", kindBoolean: "boolean", kindArray: "array", kindObject: "object", kindNull: "null",
	}
	for _, k := range takes.kinds {
		types = append(types, names[k])
	}
	if takes.tag != "" {
		types = append(types, names[kindObject])
	}
	return types, true
}
