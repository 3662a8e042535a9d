package api

import (
	"fmt"
	"slices"
	"strings"
)

// docsSchema is the part of a JSON Schema that the page shows.
type docsSchema struct {
	Ref         string `json:"$ref"`
	Type        any    // a name, or several: ["array","null"]
	Format      string
	Description string
	Enum        []any
	Default     any
	Examples    []any
	Minimum     *float64
	Maximum     *float64
	MaxLength   *int
	Properties  map[string]docsSchema
	Required    []string
	Items       *docsSchema
}

// exampleDepth ends schemas that contain themselves.
const exampleDepth = 6

func (s docsSchema) resolve(all map[string]docsSchema) docsSchema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return all[name]
	}
	return s
}

func (s docsSchema) typeName() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		for _, name := range t {
			if name != "null" {
				return fmt.Sprint(name)
			}
		}
	}
	return ""
}

// example makes a value of the schema's form, from its own examples where it
// has any. With skipOptional it is a body that can be sent as it stands.
func (s docsSchema) example(all map[string]docsSchema, depth int, skipOptional bool) any {
	s = s.resolve(all)
	switch {
	case depth > exampleDepth:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.typeName() {
	case "object":
		members := map[string]any{}
		for name, p := range s.Properties {
			// What may be left out and has no example of its own says nothing.
			if depth == 0 && skipOptional && !slices.Contains(s.Required, name) && len(p.Examples) == 0 {
				continue
			}
			if v := p.example(all, depth+1, false); v != nil {
				members[name] = v
			}
		}
		return members
	case "array":
		if s.Items != nil {
			if v := s.Items.example(all, depth+1, false); v != nil {
				return []any{v}
			}
		}
		return []any{}
	case "string":
		if s.Format == "date-time" {
			return "2026-01-31T12:00:00Z"
		}
		return "…"
	case "integer", "number":
		return 0
	case "boolean":
		return false
	}
	return nil
}

// limits says in words what a value must keep to.
func (s docsSchema) limits() string {
	var parts []string
	if len(s.Enum) > 0 {
		parts = append(parts, "one of "+strings.Trim(fmt.Sprint(s.Enum), "[]"))
	}
	if s.Minimum != nil && s.Maximum != nil {
		parts = append(parts, fmt.Sprintf("%v to %v", *s.Minimum, *s.Maximum))
	}
	if s.MaxLength != nil {
		parts = append(parts, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("default %v", s.Default))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, "; ") + ")"
}

func (s docsSchema) members(all map[string]docsSchema) []docsField {
	s = s.resolve(all)
	var fields []docsField
	for name, p := range s.Properties {
		p = p.resolve(all)
		fields = append(fields, docsField{
			Name: name, Type: p.typeName(), Required: slices.Contains(s.Required, name), Meaning: strings.TrimSpace(p.Description + " " + p.limits()),
		})
	}
	slices.SortFunc(fields, func(a, b docsField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}
