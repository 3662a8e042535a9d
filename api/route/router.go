package route

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/trace"
)

// Door decides about a request before its handler sees it.
type Door interface {
	// Admit finds out who asks, and leaves them in the request's context. An error is
	// why they may not use a route of that access.
	Admit(c echo.Context, who Access) error
	// TakeBody reads the body, within the limits of those who may use the route.
	TakeBody(c echo.Context, who Access) error
	// WriteError answers with the error.
	WriteError(err error, c echo.Context)
}

// Router holds the routes and the document about them. It belongs to one
// goroutine until all routes are added.
type Router struct {
	echo    *echo.Echo
	huma    huma.API
	door    Door
	timeout time.Duration
	closing <-chan struct{}
	log     zerolog.Logger
}

// Options are what a router is made of.
type Options struct {
	Version   string
	PublicURL string        // stands in the document as the server; empty: none
	Timeout   time.Duration // of a documented handler
	Closing   <-chan struct{}
	Log       zerolog.Logger
}

// New returns a router that adds its routes to e.
func New(e *echo.Echo, door Door, o Options) *Router {
	problem.UseInHuma()
	return &Router{echo: e, huma: humaecho.New(e, document(o)), door: door, timeout: o.Timeout, closing: o.Closing, log: o.Log}
}

func document(o Options) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	cfg := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "WhatsApp manager", Version: o.Version,
				Description: "Runs many WhatsApp accounts, one process each. Management routes answer errors as problem JSON; the proxy relays every method by name and answers in its own envelope. A route that hands out a lasting secret or a right asks for `currentPassword` when the login is more than ten minutes old (`403`, `password_required`).",
			},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeUser: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The accessToken of a login, or an API key"},
				schemeKey:  {Type: "apiKey", In: "header", Name: HeaderKey, Description: "An instance's API key"},
			}},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}
	if o.PublicURL != "" {
		cfg.Servers = []*huma.Server{{URL: strings.TrimSuffix(o.PublicURL, "/")}}
	}
	return cfg
}

// Echo is for handlers that write their answer themselves.
func (r *Router) Echo() *echo.Echo { return r.echo }

// OpenAPI is the document as far as routes have been added.
func (r *Router) OpenAPI() *huma.OpenAPI { return r.huma.OpenAPI() }

// Document adds a route of Echo to the document.
func (r *Router) Document(op *huma.Operation) { r.huma.OpenAPI().AddOperation(op) }

// Closing is closed when the server begins to shut down. Handlers that stream end
// then; the server waits for them.
func (r *Router) Closing() <-chan struct{} { return r.closing }

// Authenticated wraps an Echo handler, so that it is called only for those who may
// use routes of that access. It reads no body.
func (r *Router) Authenticated(who Access, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := r.door.Admit(c, who); err != nil {
			return err
		}
		return next(c)
	}
}

// Add declares a documented route: authentication comes before validation, the
// handler has a deadline, and its errors become problems.
func Add[I, O any](r *Router, who Access, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // the door reads and limits bodies before huma sees them
	op.Security = Security(who)
	op.Middlewares = append(op.Middlewares, func(hc huma.Context, next func(huma.Context)) {
		c := humaecho.Unwrap(hc)
		err := r.door.Admit(c, who)
		if err == nil {
			err = r.door.TakeBody(c, who)
		}
		if err != nil {
			r.door.WriteError(err, c)
			return
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), r.timeout+trace.Of(c.Request().Context()).Longer)
		defer cancel()
		next(huma.WithContext(hc, ctx))
	})
	huma.Register(r.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			p := problem.Of(ctx, r.log, err)
			trace.Of(ctx).Code = p.Code
			return nil, p
		}
		return out, nil
	})
}

// NoContent is the answer of a handler that has done what was asked and has
// nothing to say.
type NoContent struct {
	Status int
}

// Done is the answer 204.
var Done = &NoContent{Status: http.StatusNoContent}

// InstancePath is the part of an input that names an instance.
type InstancePath struct {
	ID string `path:"id" maxLength:"40" example:"k3f9a0c2m1zq"`
}

// OfInstance returns an operation below /api/instances.
func OfInstance(id, method, path, summary string, status int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/instances" + path, Summary: summary,
		Tags: []string{"Instances"}, DefaultStatus: status,
	}
}
