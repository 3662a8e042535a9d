package auth

import (
	"context"
	"time"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	roleUser       = "user"
	roleAdmin      = "admin"
	roleSuperadmin = "superadmin"
)

// Principal is who asks: a user, or an instance's API key, or nobody.
type Principal struct {
	User     *store.User
	Instance supervisor.ID // of the API key
	KeyID    string

	session  string    // the family of refresh tokens behind the access token
	provedAt time.Time // when the user last gave the password for the session
	until    time.Time // the access token expires then
}

type principalKey struct{}

// With returns a context that carries the principal, and notes it in the
// request's trace.
func With(ctx context.Context, p Principal) context.Context {
	t := trace.Of(ctx)
	if p.User != nil {
		t.User = p.User.ID
	}
	if p.Instance != "" {
		t.Instance = p.Instance
	}
	return context.WithValue(ctx, principalKey{}, p)
}

// Of returns the request's principal; outside of requests it is nobody.
func Of(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// IsAdmin reports whether the principal is an admin or superadmin.
func (p Principal) IsAdmin() bool {
	return p.User != nil && (p.User.Role == roleAdmin || p.User.Role == roleSuperadmin)
}

// admit returns nil when the principal may use routes of that access.
func (p Principal) admit(who route.Access) error {
	const op = "auth.admit"
	switch {
	case who == route.Public:
		return nil
	case p.User == nil && p.Instance == "":
		return fault.New(fault.Unauthorized, op, "an access token or API key is needed")
	case who == route.OwnInstance:
		return nil
	case p.User == nil:
		return fault.New(fault.Forbidden, op, "an API key is not enough here: this needs a user's access token")
	case who == route.Admin && !p.IsAdmin():
		return fault.New(fault.Forbidden, op, "only administrators may do this")
	}
	return nil
}

// owns reports whether the principal is a key of that instance.
func (p Principal) owns(id string) bool { return p.Instance != "" && p.Instance == supervisor.ID(id) }
