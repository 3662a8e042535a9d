package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

const opParams = "api.params"

var noParams = json.RawMessage("[]")

// readParams takes the parameters out of a body and holds them against the
// catalog: how many, and of which JSON type. The worker gets only calls whose
// form is right, and what is wrong has a name: params[1].
func readParams(m catalog.Method, body []byte) (json.RawMessage, error) {
	raw, err := paramsOf(body)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fault.Bad(opParams, "params", "params: must be an array of the parameters by position")
	}
	if err := checkParams(m, list); err != nil {
		return nil, err
	}
	return raw, nil
}

// paramsOf accepts {"params":[…]}, the array alone, and nothing.
func paramsOf(body []byte) (json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return noParams, nil
	}
	if !json.Valid(body) {
		return nil, fault.Bad(opParams, "body", "the body is not JSON: %s", syntaxError(body))
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

func syntaxError(body []byte) string {
	var v any
	err := json.Unmarshal(body, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("error at byte %d", syntax.Offset)
	}
	return "syntax error"
}

func checkParams(m catalog.Method, list []json.RawMessage) error {
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
		return &fault.Error{Kind: fault.Invalid, Op: opParams, Code: "parameter_missing", Field: place(len(list)),
			Msg: fmt.Sprintf("%s (%s) is missing: %s", place(len(list)), missing.Name, signature(m))}
	case len(list) > len(m.Params) && !variadic:
		return &fault.Error{Kind: fault.Invalid, Op: opParams, Code: "parameter_surplus", Field: place(len(m.Params)),
			Msg: fmt.Sprintf("%s is one too many: %s", place(len(m.Params)), signature(m))}
	}
	for i, value := range list {
		p := m.Params[min(i, len(m.Params)-1)]
		if kindOf(value) == kindNull && (p.Optional || p.Variadic) {
			continue
		}
		if want := accepted(m.Family, p.Type); want != nil && !want.takes(value) {
			return &fault.Error{Kind: fault.Invalid, Op: opParams, Code: "parameter_type", Field: place(i),
				Msg: fmt.Sprintf("%s (%s) must be %s, not %s: %s", place(i), p.Name, p.Type, kindOf(value), signature(m))}
		}
	}
	return nil
}

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
