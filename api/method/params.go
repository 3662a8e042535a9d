package method

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

const opParams = "api.params"

var noParams = json.RawMessage("[]")

// Params are the parameters of a call: the array as it came, and taken apart once.
type Params struct {
	Raw  json.RawMessage // a JSON array
	List []json.RawMessage
}

// Of makes the parameters of a call that the server itself makes.
func Of(values ...any) (Params, error) {
	p := Params{Raw: noParams}
	for i, v := range values {
		encoded, err := json.Marshal(v)
		if err != nil {
			return Params{}, fmt.Errorf("encode parameter %d: %w", i, err)
		}
		p.List = append(p.List, encoded)
	}
	if len(p.List) == 0 {
		return p, nil
	}
	p.Raw = slices.Concat([]byte("["), bytes.Join(raw(p.List), []byte(",")), []byte("]"))
	return p, nil
}

func raw(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// Decode decodes parameter i into v. A parameter that was left out, or is null,
// leaves v as it is.
func (p Params) Decode(i int, name string, v any) error {
	if i >= len(p.List) || string(p.List[i]) == "null" {
		return nil
	}
	if json.Unmarshal(p.List[i], v) != nil {
		field := place(i)
		return fault.Bad(opParams, field, "%s (%s): has the wrong type", field, name)
	}
	return nil
}

// Read takes the parameters out of a body and checks them against the catalog:
// how many there are, and of which JSON types. The worker gets only calls whose
// form is right, and a mistake has a name: params[1].
func Read(m catalog.Method, body []byte) (Params, error) {
	raw, err := paramsOf(body)
	if err != nil {
		return Params{}, err
	}
	p := Params{Raw: raw}
	if err := json.Unmarshal(raw, &p.List); err != nil {
		return Params{}, fault.Bad(opParams, "params", "params: must be an array of the parameters by position")
	}
	if err := check(m, p.List); err != nil {
		return Params{}, err
	}
	return p, nil
}

// paramsOf accepts {"params":[…]}, the array alone, and nothing.
func paramsOf(body []byte) (json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return noParams, nil
	}
	if !json.Valid(body) {
		return nil, fault.Bad(opParams, "body", "the body is not JSON: %s", SyntaxError(body))
	}
	switch body[0] {
	case '[':
		return body, nil
	case '{':
	default:
		return nil, fault.Bad(opParams, "body", `the body must be {"params":[…]} or the array alone`)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fault.Bad(opParams, "body", "the body is not a JSON object")
	}
	params := noParams
	for name, value := range members {
		if name != "params" {
			return nil, fault.Bad(opParams, name, `%s: is not known here; parameters go by position: {"params":[…]}`, name)
		}
		if trimmed := bytes.TrimSpace(value); len(trimmed) > 0 && trimmed[0] == '[' {
			params = trimmed
		} else if string(trimmed) != "null" {
			return nil, fault.Bad(opParams, "params", "params: must be an array of the parameters by position")
		}
	}
	return params, nil
}

// SyntaxError says where the JSON text is wrong.
func SyntaxError(body []byte) string {
	var v any
	err := json.Unmarshal(body, &v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("error at byte %d", syntax.Offset)
	}
	return "syntax error"
}

func check(m catalog.Method, list []json.RawMessage) error {
	needed, variadic := 0, false
	for i, p := range m.Params {
		if p.Variadic {
			variadic = true
		} else if !p.Optional {
			needed = i + 1
		}
	}
	switch {
	case len(list) < needed:
		missing := m.Params[len(list)]
		return &fault.Error{
			Kind: fault.Invalid, Op: opParams, Code: "parameter_missing", Field: place(len(list)),
			Msg: fmt.Sprintf("%s (%s) is missing: %s", place(len(list)), missing.Name, signature(m)),
		}
	case len(list) > len(m.Params) && !variadic:
		return &fault.Error{
			Kind: fault.Invalid, Op: opParams, Code: "parameter_surplus", Field: place(len(m.Params)),
			Msg: fmt.Sprintf("%s is one too many: %s", place(len(m.Params)), signature(m)),
		}
	}
	for i, value := range list {
		p := m.Params[min(i, len(m.Params)-1)]
		if kindOf(value) == kindNull && (p.Optional || p.Variadic) {
			continue
		}
		if want := accepted(m.Family, p.Type); want != nil && !want.takes(value) {
			return &fault.Error{
				Kind: fault.Invalid, Op: opParams, Code: "parameter_type", Field: place(i),
				Msg: fmt.Sprintf("%s (%s) must be %s, not %s: %s", place(i), p.Name, p.Type, kindOf(value), signature(m)),
			}
		}
	}
	return nil
}

// place is the name of a parameter in errors.
func place(i int) string { return fmt.Sprintf("params[%d]", i) }

// signature shows the method as documentation does: sendMessage(chatId, content, options?).
func signature(m catalog.Method) string {
	names := make([]string, len(m.Params))
	for i, p := range m.Params {
		names[i] = p.Name
		switch {
		case p.Variadic:
			names[i] = "…" + p.Name
		case p.Optional:
			names[i] += "?"
		}
	}
	return m.Name + "(" + strings.Join(names, ", ") + ")"
}
