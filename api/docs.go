package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page load its own two files and call the API, and
// nothing from elsewhere: it works without the Internet.
const docsPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) docsRoutes() {
	s.echo.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/openapi+json", s.document)
	})
	file := func(kind string, content []byte) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", docsPolicy)
			return c.Blob(http.StatusOK, kind, content)
		}
	}
	s.echo.GET("/docs", file(echo.MIMETextHTMLCharsetUTF8, s.docsPage))
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"} {
		content, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			panic(err) // embedded
		}
		s.echo.GET("/docs/"+name, file(kind, content))
	}
}

type docsPage struct {
	Title, Version, Description string
	Groups                      []*docsGroup
}

type docsGroup struct {
	Tag        string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description, Security string
	Parameters                                       []docsField
	Body                                             *docsBody
	Responses                                        []docsResponse
}

type docsField struct {
	Name, In, Type, Meaning, Example string
	Required                         bool
}

type docsBody struct {
	Example string
	Rows    int
	Members []docsField
}

type docsResponse struct{ Status, Description, Example string }

// openAPI is the part of the document that the page shows.
type openAPI struct {
	Info  struct{ Title, Version, Description string }
	Paths map[string]map[string]struct {
		OperationID, Summary, Description string
		Tags                              []string
		Security                          []map[string][]string
		Parameters                        []struct {
			Name, In, Description string
			Required              bool
			Schema                docsSchema
			Example               any
		}
		RequestBody *struct {
			Content map[string]docsContent
		}
		Responses map[string]struct {
			Description string
			Content     map[string]docsContent
		}
	}
	Components struct{ Schemas map[string]docsSchema }
}

type docsContent struct {
	Schema  docsSchema
	Example any
}

// docsOrder is the order of the groups; others follow by name.
var docsOrder = []string{"Auth", "Instances", "API keys", tagProxy, "Messages", "Events", "Webhooks", "Users", "Audit", "Health"}

// renderDocs makes the page from the document, so that it cannot say anything else.
func renderDocs(document []byte) ([]byte, error) {
	var doc openAPI
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	page := docsPage{Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description}
	groups := map[string]*docsGroup{}
	for path, operations := range doc.Paths {
		for verb, o := range operations {
			tag := "Other"
			if len(o.Tags) > 0 {
				tag = o.Tags[0]
			}
			if groups[tag] == nil {
				groups[tag] = &docsGroup{Tag: tag}
				page.Groups = append(page.Groups, groups[tag])
			}
			op := docsOperation{ID: o.OperationID, Method: strings.ToUpper(verb), Path: path, Summary: o.Summary, Description: o.Description, Security: needs(o.Security)}
			for _, p := range o.Parameters {
				f := docsField{Name: p.Name, In: p.In, Required: p.Required, Meaning: strings.TrimSpace(p.Description + " " + p.Schema.limits())}
				if example := cmpOr(p.Example, p.Schema.example(doc.Components.Schemas, 0, false)); example != nil {
					f.Example = fmt.Sprint(example)
				}
				op.Parameters = append(op.Parameters, f)
			}
			if o.RequestBody != nil {
				content := o.RequestBody.Content["application/json"]
				example := indented(cmpOr(content.Example, content.Schema.example(doc.Components.Schemas, 0, true)))
				op.Body = &docsBody{Example: example, Rows: min(20, strings.Count(example, "\n")+1), Members: content.Schema.members(doc.Components.Schemas)}
			}
			for status, r := range o.Responses {
				shown := docsResponse{Status: status, Description: r.Description}
				for _, content := range r.Content {
					if example := cmpOr(content.Example, content.Schema.example(doc.Components.Schemas, 0, false)); example != nil && len(r.Content) == 1 {
						shown.Example = indented(example)
					}
				}
				op.Responses = append(op.Responses, shown)
			}
			slices.SortFunc(op.Responses, func(a, b docsResponse) int { return strings.Compare(a.Status, b.Status) })
			groups[tag].Operations = append(groups[tag].Operations, op)
		}
	}
	slices.SortFunc(page.Groups, func(a, b *docsGroup) int {
		if d := rank(a.Tag) - rank(b.Tag); d != 0 {
			return d
		}
		return strings.Compare(a.Tag, b.Tag)
	})
	for _, g := range page.Groups {
		slices.SortFunc(g.Operations, func(a, b docsOperation) int {
			if d := strings.Compare(a.Path, b.Path); d != 0 {
				return d
			}
			return strings.Compare(a.Method, b.Method)
		})
	}
	tmpl, err := template.ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, page); err != nil {
		return nil, fmt.Errorf("fill page: %w", err)
	}
	return out.Bytes(), nil
}

func needs(security []map[string][]string) string {
	var names []string
	for _, s := range security {
		for name := range s {
			names = append(names, map[string]string{tagUser: "access token", tagKey: "the instance's API key"}[name])
		}
	}
	return strings.Join(names, " or ")
}

func rank(tag string) int {
	if i := slices.Index(docsOrder, tag); i >= 0 {
		return i
	}
	return len(docsOrder)
}

func cmpOr(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

func indented(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(b)
}
