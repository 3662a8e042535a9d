package api

import (
	"context"
	"strings"
	"time"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	headerKey         = "X-API-Key"
	headerIdempotency = sends.HeaderKey
	headerReplayed    = "Idempotency-Replayed" // "true": the answer of an earlier request

	roleUser       = "user"
	roleAdmin      = "admin"
	roleSuperadmin = "superadmin"
)

// Access says who may use a route.
type Access int

const (
	Public      Access = iota // anyone
	SignedIn                  // a user with an access token
	Admin                     // an admin or superadmin
	OwnInstance               // a user, or the API key of the instance; handlers narrow with Instance
)

// principal is who asks: a user, or an instance's API key, or nobody.
type principal struct {
	user     *store.User
	session  string    // the family of refresh tokens behind the access token
	provedAt time.Time // when the user last gave the password for the session
	until    time.Time // the access token expires then
	instance supervisor.ID
	keyID    string
}

type principalKey struct{}

func withPrincipal(ctx context.Context, p principal) context.Context {
	t := trace.Of(ctx)
	if p.user != nil {
		t.User = p.user.ID
	}
	if p.instance != "" {
		t.Instance = p.instance
	}
	return context.WithValue(ctx, principalKey{}, p)
}

func principalOf(ctx context.Context) principal {
	p, _ := ctx.Value(principalKey{}).(principal)
	return p
}

func (p principal) isAdmin() bool {
	return p.user != nil && (p.user.Role == roleAdmin || p.user.Role == roleSuperadmin)
}

// admit returns nil when the principal may use routes of that access.
func (p principal) admit(who Access) error {
	const op = "api.admit"
	switch {
	case who == Public:
		return nil
	case p.user == nil && p.instance == "":
		return fault.New(fault.Unauthorized, op, "an access token or API key is needed")
	case who == OwnInstance:
		return nil
	case p.user == nil:
		return fault.New(fault.Forbidden, op, "an API key does not do here; this needs a user's access token")
	case who == Admin && !p.isAdmin():
		return fault.New(fault.Forbidden, op, "this is for administrators")
	}
	return nil
}

// identify finds out who asks. Nothing sent is nobody and no error; something
// sent that is wrong is an error.
func (s *Server) identify(ctx context.Context, authorization, key string) (principal, error) {
	bearer, isBearer := bearerOf(authorization)
	switch {
	case key == "" && authorization == "":
		return principal{}, nil
	case key == "" && !isBearer:
		return principal{}, fault.New(fault.Unauthorized, "api.identify", "the Authorization header is not of the form Bearer …")
	case key == "" && !strings.HasPrefix(bearer, credential.KeyPrefix):
		return s.identifyUser(ctx, bearer)
	case key == "":
		key = bearer
	}
	in, keyID, err := s.keyring.find(ctx, key)
	if err != nil {
		return principal{}, err
	}
	return principal{instance: in.ID, keyID: keyID}, nil
}

func (s *Server) identifyUser(ctx context.Context, token string) (principal, error) {
	secret, err := s.jwtSecret(ctx)
	if err != nil {
		return principal{}, err
	}
	access, err := credential.ReadAccess(secret, token, now())
	if err != nil {
		code := "token_invalid"
		if err == credential.ErrExpired {
			code = "token_expired"
		}
		return principal{}, &fault.Error{Kind: fault.Unauthorized, Op: "api.identify", Code: code, Msg: err.Error()}
	}
	living, err := s.sessions.Find(ctx, access.Session, access.UserID)
	if err != nil {
		return principal{}, err
	}
	return principal{user: &living.User, session: living.ID, provedAt: living.ProvedAt, until: access.Expires}, nil
}

func bearerOf(authorization string) (string, bool) {
	scheme, token, ok := strings.Cut(authorization, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// errNoInstance answers for instances that there are not and for those of others.
var errNoInstance = fault.New(fault.NotFound, "api.instance", "there is no such instance")

// owns tells whether the principal is a key of that instance.
func (p principal) owns(id string) bool { return p.instance != "" && p.instance == supervisor.ID(id) }

// instance returns the instance when the principal may see it. One that
// belongs to somebody else does not exist for the asker.
func (s *Server) instance(ctx context.Context, id string) (store.Instance, error) {
	p := principalOf(ctx)
	if !instanceID.MatchString(id) || p.user == nil && !p.owns(id) {
		return store.Instance{}, errNoInstance
	}
	in, err := s.store.Instance(ctx, supervisor.ID(id))
	switch {
	case fault.Is(err, fault.NotFound):
		return store.Instance{}, errNoInstance
	case err != nil:
		return store.Instance{}, err
	case in.DeletedAt != nil, p.user != nil && !p.isAdmin() && in.OwnerID != p.user.ID:
		return store.Instance{}, errNoInstance
	}
	trace.Of(ctx).Instance = in.ID
	return in, nil
}

// jwtSecret returns the key of access tokens, which the first server of the
// installation made.
func (s *Server) jwtSecret(ctx context.Context) ([]byte, error) {
	s.secretMu.Lock()
	defer s.secretMu.Unlock()
	if len(s.secret) > 0 {
		return s.secret, nil
	}
	secret, err := s.store.SettingOrCreate(ctx, "jwt_secret", newSecret)
	if err != nil {
		return nil, err
	}
	s.secret = secret
	return secret, nil
}
