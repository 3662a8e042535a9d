package docs

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/method"
	"whatsapp-manager/proto/catalog"
)

// AddMethods describes each whatsapp-web.js method in the document, from the
// catalog that calls are checked against. The methods of whatsmeow have Go's types
// and are described by /api/proxy/methods?family=whatsmeow.
func AddMethods(document *huma.OpenAPI, key *huma.Param, success, failure *huma.Response) error {
	all, err := method.List()
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Family != catalog.WWebJS {
			continue
		}
		op := &huma.Operation{
			OperationID: "method-" + m.Name, Method: http.MethodPost, Path: "/api/proxy/{apiKey}/" + m.Name, Tags: []string{m.Class},
			Summary: m.Doc, Description: "Result: `" + m.Result + "`.", Parameters: []*huma.Param{key}, RequestBody: methodBody(m),
			Responses: map[string]*huma.Response{"200": success, "default": failure},
		}
		if m.Verdict == catalog.Impossible {
			op.Description = "Answers 501: " + m.Reason + "."
			op.Responses = map[string]*huma.Response{"501": failure}
		}
		document.AddOperation(op)
	}
	return nil
}

func methodBody(m catalog.Method) *huma.RequestBody {
	params := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}}
	var places []*huma.Schema
	required := 0
	for _, p := range m.Params {
		places = append(places, paramSchema(m.Family, p))
		if !p.Optional && !p.Variadic {
			required++
		}
		if p.Variadic {
			params.Items = paramSchema(m.Family, p)
		}
	}
	params.MinItems = &required
	if n := len(m.Params); n == 0 || !m.Params[n-1].Variadic {
		params.MaxItems = &n
	}
	if len(places) > 0 {
		params.Extensions = map[string]any{"prefixItems": places}
	}
	content := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"params": params}}}
	if m.Example != nil {
		content.Example = map[string]json.RawMessage{"params": m.Example}
	}
	return &huma.RequestBody{Required: required > 0, Content: map[string]*huma.MediaType{"application/json": content}}
}

// paramSchema says no more than what a call is refused for.
func paramSchema(family catalog.Family, p catalog.Param) *huma.Schema {
	schema := &huma.Schema{Title: p.Name, Description: p.Doc, Extensions: map[string]any{"x-type": p.Type}}
	types, ok := method.JSONTypes(family, p.Type)
	if !ok {
		return schema
	}
	if p.Optional {
		types = append(types, "null")
	}
	if len(types) == 1 {
		schema.Type = types[0]
		if schema.Type == huma.TypeArray {
			schema.Items = &huma.Schema{}
		}
		return schema
	}
	schema.Extensions["type"] = types
	return schema
}
