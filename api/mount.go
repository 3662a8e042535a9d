package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// Mount is what another package gets to add its routes to the server: the
// same authentication, the same errors, the same document.
type Mount struct{ s *Server }

// Closing is closed when the server begins to shut down. Handlers that stream
// end then; the server waits for them.
func (m *Mount) Closing() <-chan struct{} { return m.s.closing }

// Echo is for handlers that write their answer themselves. They authenticate
// with Instance and may return fault errors.
func (m *Mount) Echo() *echo.Echo { return m.s.echo }

// OpenAPI is for documenting the routes added with Echo; see Describe.
func (m *Mount) OpenAPI() *huma.OpenAPI { return m.s.huma.OpenAPI() }

// Authenticated wraps an Echo handler so that Instance works in it with the
// request's context.
func (m *Mount) Authenticated(who Access, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		p, err := m.s.identify(req.Context(), req.Header.Get(echo.HeaderAuthorization), req.Header.Get(headerKey))
		if err == nil {
			err = p.admit(who)
		}
		if err != nil {
			return err
		}
		if err := m.s.recognised(req.Context(), p); err != nil {
			return err
		}
		c.SetRequest(req.WithContext(withPrincipal(req.Context(), p)))
		return next(c)
	}
}

// Instance returns the instance if the request's principal may see it, and
// otherwise fault.NotFound, whether it exists or not.
func (m *Mount) Instance(ctx context.Context, id string) (store.Instance, error) {
	return m.s.instance(ctx, id)
}

// While returns a context that ends when the request's principal may not see
// the instance any more: its key is revoked, its session over, its access token
// expired, its user disabled, the instance deleted. Its cause is then a
// fault.Unauthorized that says which; see session.Ended. Call release at the end.
func (m *Mount) While(ctx context.Context, in store.Instance) (held context.Context, release func(), err error) {
	return m.s.hold(ctx, in)
}

// Confirm returns nil when the request's principal is a user who gave the
// password a short time ago, or gives it now; otherwise fault.Forbidden.
func (m *Mount) Confirm(ctx context.Context, password string) error {
	return m.s.confirm(ctx, password)
}

// Maker tells who makes something: the id of the API key, or of the user.
func (m *Mount) Maker(ctx context.Context) (keyID, userID string) {
	p := principalOf(ctx)
	if p.user != nil {
		return "", p.user.ID
	}
	return p.keyID, ""
}

// hooks are what mounted packages want to be told.
type hooks struct {
	keyRevoked   []func(ctx context.Context, in store.Instance, keyID string) error
	ownerChanged []func(ctx context.Context)
}

// OnKeyRevoked has do called when a key was revoked and shall take with it what
// was made with it. Doing it twice must be no error.
func (m *Mount) OnKeyRevoked(do func(ctx context.Context, in store.Instance, keyID string) error) {
	m.s.hooks.keyRevoked = append(m.s.hooks.keyRevoked, do)
}

// OnOwnerChanged has tell called when a user was disabled or enabled.
func (m *Mount) OnOwnerChanged(tell func(ctx context.Context)) {
	m.s.hooks.ownerChanged = append(m.s.hooks.ownerChanged, tell)
}

// Visible returns the owner whose instances the request's principal may list:
// "" for all. It fails with fault.Forbidden for an instance's key.
func (m *Mount) Visible(ctx context.Context) (ownerID string, err error) {
	p := principalOf(ctx)
	if p.user == nil {
		return "", fault.New(fault.Forbidden, "api.Visible", "this needs a user's access token")
	}
	if p.isAdmin() {
		return "", nil
	}
	return p.user.ID, nil
}

// Audit records what the request's principal did. A failure is logged, not returned.
func (m *Mount) Audit(ctx context.Context, action, target string, detail map[string]any) {
	m.s.audit(ctx, action, target, detail)
}

// Method adds a method of the catalog that the package answers.
func (m *Mount) Method(name string, do Managed) { m.s.managed[name] = do }

// CheckSend holds a call that is to be made later against the catalog: it is a
// method that sends, and its parameters have the right form. It returns them.
func (m *Mount) CheckSend(method string, params json.RawMessage) (json.RawMessage, error) {
	known, err := m.s.method(http.MethodPost, method)
	if err != nil {
		return nil, err
	}
	if !known.Sends {
		return nil, fault.Bad("api.CheckSend", "method", "method: %s sends nothing, so it cannot be queued", known.Name)
	}
	return readParams(known, params)
}

// SendView tells what is known of a send.
func (m *Mount) SendView(ctx context.Context, send store.Send) (sends.SendView, error) {
	return m.s.sender.View(ctx, send)
}

// AddRoute declares a documented route of a mount; see route.
func AddRoute[I, O any](m *Mount, who Access, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	route(m.s, who, op, handle)
}
