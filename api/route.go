package api

import (
	"context"
	"crypto/rand"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
)

// ownTime is what a request may take beside its call of a worker: for the
// database, mostly.
const ownTime = 10 * time.Second

const tagUser, tagKey = "accessToken", "apiKey"

func (s *Server) humaConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	cfg := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "WhatsApp manager", Version: s.version(),
				Description: "Runs many WhatsApp accounts, one process each. Management routes answer errors as problem JSON; the proxy relays every method by name and answers in its own envelope. What hands out a lasting secret or a right asks for `currentPassword` when the login is more than ten minutes old (`403`, `password_required`).",
			},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				tagUser: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The accessToken of a login, or an API key"},
				tagKey:  {Type: "apiKey", In: "header", Name: headerKey, Description: "An instance's API key"},
			}},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}
	if s.cfg.PublicURL != "" {
		cfg.Servers = []*huma.Server{{URL: strings.TrimSuffix(s.cfg.PublicURL, "/")}}
	}
	return cfg
}

func (s *Server) version() string {
	if s.cfg.Build == "" {
		return "dev"
	}
	return s.cfg.Build
}

// route declares one documented route: authentication before validation, a
// deadline, and faults of the handler as problems.
func route[I, O any](s *Server, who Access, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // bodies are read and limited in routeBody, before huma sees them
	op.Security = securityOf(who)
	ofInstance := strings.HasPrefix(op.Path, "/api/instances/{id}")
	op.Middlewares = append(op.Middlewares, func(hc huma.Context, next func(huma.Context)) {
		p, err := s.identify(hc.Context(), hc.Header("Authorization"), hc.Header(headerKey))
		if err == nil || who == Public {
			err = p.admit(who)
		}
		if fault.Is(err, fault.Forbidden) && ofInstance && !p.owns(hc.Param("id")) {
			err = errNoInstance
		}
		if err != nil {
			s.writeError(err, humaecho.Unwrap(hc))
			return
		}
		c := humaecho.Unwrap(hc)
		c.SetRequest(c.Request().WithContext(withPrincipal(hc.Context(), p)))
		if err = s.recognised(hc.Context(), p); err == nil {
			err = s.routeBody(c, who)
		}
		if err != nil {
			s.writeError(err, c)
			return
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), s.cfg.CallTimeout+ownTime)
		defer cancel()
		next(huma.WithContext(hc, ctx))
	})
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			p := s.problem(ctx, err)
			trace.Of(ctx).Code = p.Code
			return nil, p
		}
		return out, nil
	})
}

func securityOf(who Access) []map[string][]string {
	switch who {
	case Public:
		return nil
	case OwnInstance:
		return []map[string][]string{{tagUser: {}}, {tagKey: {}}}
	default:
		return []map[string][]string{{tagUser: {}}}
	}
}

// documented adds a hand-written route to the document.
func (s *Server) documented(op *huma.Operation) { s.huma.OpenAPI().AddOperation(op) }

// Pagination tells where in a list a page stands.
type Pagination struct {
	Page  int `json:"page" doc:"From 1" example:"1"`
	Limit int `json:"limit" example:"50"`
	Total int `json:"total" example:"1"`
	Pages int `json:"pages" example:"1"`
}

// Paging is the part of an input that asks for a page.
type Paging struct {
	Page  int `query:"page" minimum:"1" maximum:"1000000" default:"1" doc:"From 1"`
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rows in a page"`
}

// Offset is how many rows come before the page.
func (p Paging) Offset() int { return (p.Page - 1) * p.Limit }

// Of says where the page stands in a list of total rows.
func (p Paging) Of(total int) Pagination {
	return Pagination{Page: p.Page, Limit: p.Limit, Total: total, Pages: (total + p.Limit - 1) / p.Limit}
}

var (
	instanceID = regexp.MustCompile(`^[a-z0-9]{12}$`)
	otherID    = regexp.MustCompile(`^[a-z0-9]{8,40}$`)
)

// newInstanceID returns twelve random characters of [a-z0-9] (62 bit).
func newInstanceID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 12)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		id[i] = alphabet[n.Int64()]
	}
	return string(id)
}

// newID returns 26 random characters of [a-z2-7].
func newID() string { return strings.ToLower(rand.Text()) }

func newSecret() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

// now is cut to what Postgres keeps, so that answers agree before and after a read.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

type noContent struct {
	Status int
}

var nothing = &noContent{Status: http.StatusNoContent}
