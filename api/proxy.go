package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/docs"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

const tagProxy = "Proxy"

// proxy relays one method of an instance by its name.
type proxy struct {
	router *route.Router
	auth   *auth.Auth
	bodies *bodies
	calls  *calls
	opened catalog.Opened
}

func (p *proxy) routes() error {
	e := p.router.Echo()
	e.GET("/api/proxy/methods", p.listMethods)
	e.GET("/api/proxy/events", func(c echo.Context) error {
		return c.JSON(http.StatusOK, map[string]any{"events": catalog.Events()})
	})
	e.POST("/api/proxy/:key/:method", p.relayed)
	e.GET("/api/proxy/:key/:method", p.relayed)
	e.POST("/api/proxy/:method", p.relayed)
	e.GET("/api/proxy/:method", p.relayed)
	return p.documentProxy()
}

// relayed is the way of a call: whose key, which method, are the parameters
// what the catalog says, may it send now, and then the worker's bytes.
func (p *proxy) relayed(c echo.Context) error {
	req := c.Request()
	ctx := req.Context()
	t := trace.Of(ctx)
	key := apiKeyOf(c)
	if key == "" {
		return &fault.Error{Kind: fault.Unauthorized, Op: "api.proxy", Field: "apiKey", Code: "key_missing", Msg: "an API key is needed: in the path, as X-API-Key, or as a Bearer token"}
	}
	in, who, err := p.auth.FindKey(ctx, key)
	if err != nil {
		return err
	}
	t.Instance = in.ID
	ctx = auth.With(ctx, who)
	if err := p.bodies.recognised(ctx, who); err != nil {
		return err
	}
	if err := p.calls.pace.wait(ctx, in.ID); err != nil {
		return err
	}

	m, err := method.Find(p.opened, req.Method, c.Param("method"))
	if err != nil {
		return err
	}
	t.Method = m.Name
	if err := p.bodies.callBody(c, in, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.calls.timeout+ownTime+t.Longer)
	defer cancel()
	params, err := method.Read(m, t.Body)
	if err != nil {
		return err
	}
	result, err := p.calls.relay(ctx, in, m, params, req.Header.Get(sends.HeaderKey))
	if err != nil {
		return err
	}
	return writeSuccess(c, in.ID, m.Name, result)
}

// apiKeyOf takes the key from the path, its header, or the bearer's place.
func apiKeyOf(c echo.Context) string {
	if key := c.Param("key"); key != "" {
		return key
	}
	if key := c.Request().Header.Get(route.HeaderKey); key != "" {
		return key
	}
	key, _ := auth.Bearer(c.Request().Header.Get(echo.HeaderAuthorization))
	return key
}

type methodsOutput struct {
	Methods []catalog.Method `json:"methods"`
	Total   int              `json:"total"`
}

// listMethods answers the catalog, whole or one family or class of it.
func (p *proxy) listMethods(c echo.Context) error {
	all, err := method.List()
	if err != nil {
		return err
	}
	family, class, part := c.QueryParam("family"), c.QueryParam("class"), strings.ToLower(c.QueryParam("q"))
	switch catalog.Family(family) {
	case "", catalog.WWebJS, catalog.Whatsmeow:
	default:
		return fault.Bad("api.methods", "family", "family: is wwebjs or whatsmeow")
	}
	out := methodsOutput{Methods: []catalog.Method{}}
	for _, m := range all {
		if (family == "" || string(m.Family) == family) && (class == "" || m.Class == class) && strings.Contains(strings.ToLower(m.Name), part) {
			out.Methods = append(out.Methods, p.opened.Apply(m))
		}
	}
	out.Total = len(out.Methods)
	return c.JSON(http.StatusOK, out)
}

// documentProxy describes the hand-written routes from the same types they answer with.
func (p *proxy) documentProxy() error {
	schemas := p.router.OpenAPI().Components.Schemas
	body := func(schema *huma.Schema) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: schema}}
	}
	failure := &huma.Response{
		Description: "What went wrong, in code and words: 400 bad parameters, 401 unknown key, 403 a method that the operator has not opened, 404 unknown method or object, 409 not in this state, 408 the body came too slowly, 413 too large, 422 refused by WhatsApp, 429 too many sends, calls or requests under way, 501 impossible without a browser, 502 WhatsApp unreachable, 503 starting, or too much under way, 504 no answer in time",
		Content:     body(schemas.Schema(reflect.TypeFor[Failure](), true, "Failure")),
	}
	success := &huma.Response{Description: "The result", Content: body(schemas.Schema(reflect.TypeFor[Success](), true, "Success"))}
	text := func(in, name, doc, example string) *huma.Param {
		return &huma.Param{In: in, Name: name, Required: in == "path", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	key := text("path", "apiKey", "The instance's API key", "wam_…")
	name := text("path", "method", "A name from /api/proxy/methods", "sendMessage")
	idempotency := text("header", sends.HeaderKey, "For sends: the same value never sends twice", "order-4711")
	params := &huma.RequestBody{
		Description: "The parameters by position, as in JavaScript: an object with params, or the array alone. No body: no parameters.",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema:  &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"params": {Type: huma.TypeArray, Items: &huma.Schema{}}}},
			Example: map[string]any{"params": []any{"4915112345678@c.us", "Hello"}},
		}, echo.MIMEMultipartForm: {
			Schema: &huma.Schema{
				Type: huma.TypeObject, Description: `params as JSON, in which {"$file":"name"} stands for the file of that name; and the files`,
				Properties: map[string]*huma.Schema{"params": {Type: huma.TypeString}}, AdditionalProperties: &huma.Schema{Type: huma.TypeString, Format: "binary"},
			},
		}},
	}
	for _, o := range []struct {
		id, verb, path, summary string
		params                  []*huma.Param
		body                    *huma.RequestBody
		security                []map[string][]string
	}{
		{"call", http.MethodPost, "/api/proxy/{apiKey}/{method}", "Call a method", []*huma.Param{key, name, idempotency}, params, nil},
		{"call-getter", http.MethodGet, "/api/proxy/{apiKey}/{method}", "Call a getter; also chats, contacts, info", []*huma.Param{key, name}, nil, nil},
		{"call-by-header", http.MethodPost, "/api/proxy/{method}", "Call a method, the key in a header", []*huma.Param{name, idempotency}, params, route.Security(route.OwnInstance)},
		{"call-getter-by-header", http.MethodGet, "/api/proxy/{method}", "Call a getter, the key in a header", []*huma.Param{name}, nil, route.Security(route.OwnInstance)},
	} {
		p.router.Document(&huma.Operation{
			OperationID: o.id, Method: o.verb, Path: o.path, Summary: o.summary, Tags: []string{tagProxy}, Security: o.security,
			Parameters: o.params, RequestBody: o.body, Responses: map[string]*huma.Response{"200": success, "default": failure},
		})
	}
	p.router.Document(&huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/api/proxy/events", Summary: "The kinds of events, and those that never come with the reason", Tags: []string{tagProxy},
		Responses: map[string]*huma.Response{"200": {Description: "All kinds", Content: body(&huma.Schema{Type: huma.TypeObject})}},
	})
	p.router.Document(&huma.Operation{
		OperationID: "list-methods", Method: http.MethodGet, Path: "/api/proxy/methods", Summary: "The catalog of methods", Tags: []string{tagProxy},
		Parameters: []*huma.Param{text("query", "family", "wwebjs or whatsmeow", "wwebjs"), text("query", "class", "Client, Chat, Message, …", "Chat"), text("query", "q", "Part of the name", "send")},
		Responses:  map[string]*huma.Response{"200": {Description: "The methods in the order of family, class, name", Content: body(schemas.Schema(reflect.TypeFor[methodsOutput](), true, "Methods"))}, "default": failure},
	})
	return docs.AddMethods(p.router.OpenAPI(), key, success, failure)
}
