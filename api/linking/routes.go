package linking

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor/store"
)

// Auth narrows the request's principal to an instance; *auth.Auth is one.
type Auth interface {
	Instance(ctx context.Context, id string) (store.Instance, error)
	// While returns a context that ends when the principal may no longer see the instance.
	While(ctx context.Context, in store.Instance) (held context.Context, release func(), err error)
	Audit(ctx context.Context, action, target string, detail map[string]any)
}

type routes struct {
	router  *route.Router
	auth    Auth
	service *Service
}

type documentOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         linking.LinkDocument
}

func show(doc linking.LinkDocument, err error) (*documentOutput, error) {
	if err != nil {
		return nil, err
	}
	return &documentOutput{CacheControl: "no-store", Body: doc}, nil
}

// Routes adds the routes of linking to the API.
func Routes(r *route.Router, a Auth, s *Service) {
	p := &routes{router: r, auth: a, service: s}
	p.codeRoutes()

	get := route.OfInstance("get-link", http.MethodGet, "/{id}/link", "How far the linking of the account is", http.StatusOK)
	get.Description = "One document for all ways to link an account: QR code, code to type, passkey, code to compare, progress. " +
		"With after the answer waits until the version is another one, for at most wait. The event link carries the same."
	route.Add(r, route.OwnInstance, get, p.get)

	begin := route.OfInstance("begin-link", http.MethodPost, "/{id}/link", "Begin to link the account", http.StatusAccepted)
	begin.Description = "Starts the instance if it is stopped. Without a phone number QR codes come, with one a code to type on the phone. " +
		"A linking that is under way goes on. 409 when the account is linked already."
	route.Add(r, route.OwnInstance, begin, p.begin)

	answer := route.OfInstance("answer-passkey", http.MethodPost, "/{id}/link/passkey", "Give the answer of the account's passkey", http.StatusOK)
	answer.Description = "The body is the AuthenticationResponseJSON that the browser made at https://web.whatsapp.com of passkey.publicKey. " +
		"400 names what is wrong with it: encoding, challenge, origin, credential. 422 is WhatsApp's no; while the step stays passkey, another answer may be given."
	answer.MaxBodyBytes = maxAssertion
	route.Add(r, route.OwnInstance, answer, p.passkey)

	route.Add(r, route.OwnInstance, route.OfInstance("confirm-link", http.MethodPost, "/{id}/link/confirm",
		"Say whether the phone shows the same code", http.StatusOK), p.confirm)
	route.Add(r, route.OwnInstance, route.OfInstance("cancel-link", http.MethodDelete, "/{id}/link",
		"End a linking that is under way", http.StatusOK), p.cancel)
}

func (p *routes) get(ctx context.Context, in *struct {
	route.InstancePath
	After uint64 `query:"after" doc:"The version that is known already"`
	Wait  string `query:"wait" maxLength:"10" default:"30s" doc:"How long to wait for another version, at most 30s" example:"30s"`
},
) (*documentOutput, error) {
	wait, err := time.ParseDuration(in.Wait)
	if err != nil || wait < 0 || wait > LongestWait {
		return nil, fault.Bad("linking.get", "wait", "wait: expected a time from 0s to 30s, such as 15s")
	}
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	held, release, err := p.auth.While(ctx, row)
	if err != nil {
		return nil, err
	}
	defer release()
	return show(p.service.View(held, row.ID, in.After, wait))
}

func (p *routes) begin(ctx context.Context, in *struct {
	route.InstancePath
	Body *struct {
		PhoneNumber string `json:"phoneNumber,omitempty" maxLength:"40" doc:"In international form, for a code to type; left out for a QR code" example:"4915112345678"`
	}
},
) (*documentOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	number := ""
	if in.Body != nil {
		number = in.Body.PhoneNumber
	}
	doc, err := p.service.Begin(ctx, row.ID, number)
	if err == nil {
		p.auth.Audit(ctx, "instance.link", string(row.ID), nil)
	}
	return show(doc, err)
}

func (p *routes) passkey(ctx context.Context, in *struct {
	route.InstancePath
	Body json.RawMessage
},
) (*documentOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return show(p.service.Passkey(ctx, row.ID, in.Body))
}

func (p *routes) confirm(ctx context.Context, in *struct {
	route.InstancePath
	Body struct {
		Matches bool `json:"matches" doc:"false ends the linking"`
	}
},
) (*documentOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return show(p.service.Confirm(ctx, row.ID, in.Body.Matches))
}

func (p *routes) cancel(ctx context.Context, in *route.InstancePath) (*documentOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return show(p.service.Cancel(ctx, row.ID))
}
