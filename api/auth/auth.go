package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/loginguard"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/session"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Config is what the operator decides about logins.
type Config struct {
	AdminEmail    string // of the first superadmin
	AdminPassword string // of the first superadmin; empty: a random one
	JWTSecret     []byte // empty: generated once and kept in the database
	OpenRegister  bool   // anyone may register as a user
	AccessTTL     time.Duration
	RefreshTTL    time.Duration
}

// Auth recognises callers. Its methods may be called from any goroutine, once all
// hooks are set.
type Auth struct {
	instances instances
	log       zerolog.Logger
	secret    *secret
	keyring   *keyring
	sessions  *session.Book
	watch     *session.Watch
	audit     *audit
	prover    *prover
	accounts  *accounts
	keys      *keyRoutes
	hooks     *hooks
}

// New returns an Auth that starts nothing.
func New(cfg Config, st Store, log zerolog.Logger) (*Auth, error) {
	passwords, err := credential.NewPasswords(2)
	if err != nil {
		return nil, err
	}
	a := &Auth{
		instances: st, log: log, secret: &secret{settings: st, value: cfg.JWTSecret}, keyring: newKeyring(st),
		sessions: session.NewBook(st), watch: session.NewWatch(st, log), audit: &audit{store: st, log: log}, hooks: &hooks{},
	}
	a.prover = &prover{
		store: st, log: log, secret: a.secret, passwords: passwords, guard: loginguard.New(), audit: a.audit,
	}
	ends := &sessionEnds{store: st, sessions: a.sessions, watch: a.watch}
	a.accounts = &accounts{
		cfg: cfg, store: st, secret: a.secret, prover: a.prover, audit: a.audit, ends: ends, keyring: a.keyring, hooks: a.hooks,
	}
	a.keys = &keyRoutes{auth: a, store: st}
	return a, nil
}

// hooks are what other packages want to be told.
type hooks struct {
	keyRevoked   []func(ctx context.Context, in store.Instance, keyID string) error
	ownerChanged []func(ctx context.Context)
}

// OnKeyRevoked has do called when a key was revoked and shall take with it what
// was made with it. Doing it twice must be no error.
func (a *Auth) OnKeyRevoked(do func(ctx context.Context, in store.Instance, keyID string) error) {
	a.hooks.keyRevoked = append(a.hooks.keyRevoked, do)
}

// OnOwnerChanged has tell called when a user was disabled or enabled.
func (a *Auth) OnOwnerChanged(tell func(ctx context.Context)) {
	a.hooks.ownerChanged = append(a.hooks.ownerChanged, tell)
}

// Run writes down what is gathered (last uses of keys, failed logins) and ends
// the streams of those who may read no more, until ctx ends.
func (a *Auth) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.keyring.run(ctx, a.log) })
	group.Go(func() error { return a.watch.Run(ctx) })
	group.Go(func() error { return a.audit.run(ctx) })
	return group.Wait()
}

// Routes adds the routes about logins, users, keys and the audit.
func (a *Auth) Routes(r *route.Router) {
	a.accounts.loginRoutes(r)
	a.accounts.userRoutes(r)
	a.audit.routes(r)
	a.keys.routes(r)
}

// Admit finds out who asks, and leaves them in the request's context. It returns
// why they may not use a route of that access. Who sends a wrong credential to a
// public route is nobody there.
func (a *Auth) Admit(c echo.Context, who route.Access) error {
	req := c.Request()
	p, err := a.identify(req.Context(), req.Header.Get(echo.HeaderAuthorization), req.Header.Get(route.HeaderKey))
	if err == nil || who == route.Public {
		err = p.admit(who)
	}
	if fault.Is(err, fault.Forbidden) && strings.HasPrefix(c.Path(), "/api/instances/:id") && !p.owns(c.Param("id")) {
		err = errNoInstance
	}
	if err != nil {
		return err
	}
	c.SetRequest(req.WithContext(With(req.Context(), p)))
	return nil
}

// FindKey returns the instance of an API key, and the principal that the key is;
// fault.Unauthorized when it opens nothing.
func (a *Auth) FindKey(ctx context.Context, key string) (store.Instance, Principal, error) {
	in, keyID, err := a.keyring.find(ctx, key)
	if err != nil {
		return store.Instance{}, Principal{}, err
	}
	return in, Principal{Instance: in.ID, KeyID: keyID}, nil
}

// identify finds out who asks. Nobody is no error; a credential that is wrong is one.
func (a *Auth) identify(ctx context.Context, authorization, key string) (Principal, error) {
	bearer, isBearer := Bearer(authorization)
	switch {
	case key == "" && authorization == "":
		return Principal{}, nil
	case key == "" && !isBearer:
		return Principal{}, fault.New(fault.Unauthorized, "auth.identify", "the Authorization header must have the form: Bearer TOKEN")
	case key == "" && !strings.HasPrefix(bearer, credential.KeyPrefix):
		return a.identifyUser(ctx, bearer)
	case key == "":
		key = bearer
	}
	_, p, err := a.FindKey(ctx, key)
	return p, err
}

func (a *Auth) identifyUser(ctx context.Context, token string) (Principal, error) {
	secret, err := a.secret.get(ctx)
	if err != nil {
		return Principal{}, err
	}
	access, err := credential.ReadAccess(secret, token, now())
	if err != nil {
		code := "token_invalid"
		if errors.Is(err, credential.ErrExpired) {
			code = "token_expired"
		}
		return Principal{}, &fault.Error{Kind: fault.Unauthorized, Op: "auth.identify", Code: code, Msg: err.Error()}
	}
	living, err := a.sessions.Find(ctx, access.Session, access.UserID)
	if err != nil {
		return Principal{}, err
	}
	return Principal{User: &living.User, session: living.ID, provedAt: living.ProvedAt, until: access.Expires}, nil
}

// Bearer returns the token of an Authorization header; false when it has another form.
func Bearer(authorization string) (string, bool) {
	scheme, token, ok := strings.Cut(authorization, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// errNoInstance answers for an instance that does not exist and for one of somebody else.
var errNoInstance = fault.New(fault.NotFound, "auth.Instance", "there is no such instance")

// Instance returns the instance if the request's principal may see it, and
// otherwise fault.NotFound, whether it exists or not.
func (a *Auth) Instance(ctx context.Context, id string) (store.Instance, error) {
	p := Of(ctx)
	if !ident.IsInstance(id) || p.User == nil && !p.owns(id) {
		return store.Instance{}, errNoInstance
	}
	in, err := a.instances.Instance(ctx, supervisor.ID(id))
	switch {
	case fault.Is(err, fault.NotFound):
		return store.Instance{}, errNoInstance
	case err != nil:
		return store.Instance{}, err
	case in.DeletedAt != nil, p.User != nil && !p.IsAdmin() && in.OwnerID != p.User.ID:
		return store.Instance{}, errNoInstance
	}
	trace.Of(ctx).Instance = in.ID
	return in, nil
}

// While returns a context that ends when the request's principal may not see the
// instance any more: its key is revoked, its session over, its access token
// expired, its user disabled, or the instance deleted. Its cause is then a
// fault.Unauthorized that says which; see session.Ended. Call release at the end.
func (a *Auth) While(ctx context.Context, in store.Instance) (held context.Context, release func(), err error) {
	p := Of(ctx)
	who := session.Holder{Key: p.KeyID, User: in.OwnerID, Instance: in.ID}
	if p.User != nil {
		who = session.Holder{Session: p.session, User: p.User.ID, Instance: in.ID, Until: p.until}
	}
	held, release = a.watch.Hold(ctx, who)
	// Nobody here was told of a permission that ended between Admit and Hold.
	if err := a.watch.Check(ctx, who); err != nil {
		release()
		return nil, nil, err
	}
	return held, release, nil
}

// Confirm returns nil when the request's principal is a user who gave the
// password a short time ago, or gives it now; otherwise fault.Forbidden. Whoever
// has no more than a stolen access token makes nothing that outlives it.
func (a *Auth) Confirm(ctx context.Context, password string) error {
	return a.prover.confirm(ctx, password)
}

// Renew returns a context with the request's user as they are now; fault.Unauthorized when
// the user was disabled or the session ended since Admit. It is for what takes long.
func (a *Auth) Renew(ctx context.Context) (context.Context, error) {
	p := Of(ctx)
	if p.User == nil {
		return nil, fault.New(fault.Forbidden, "auth.Renew", "this needs a user's access token")
	}
	living, err := a.sessions.Find(ctx, p.session, p.User.ID)
	if err != nil {
		return nil, err
	}
	p.User = &living.User
	return With(ctx, p), nil
}

// Maker tells who makes something: the id of the API key, or of the user.
func (a *Auth) Maker(ctx context.Context) (keyID, userID string) {
	p := Of(ctx)
	if p.User != nil {
		return "", p.User.ID
	}
	return p.KeyID, ""
}

// Visible returns the owner whose instances the request's principal may list; ""
// stands for all. It fails with fault.Forbidden for an instance's key.
func (a *Auth) Visible(ctx context.Context) (ownerID string, err error) {
	p := Of(ctx)
	if p.User == nil {
		return "", fault.New(fault.Forbidden, "auth.Visible", "this needs a user's access token")
	}
	if p.IsAdmin() {
		return "", nil
	}
	return p.User.ID, nil
}

// Audit records what the request's principal did. A failure is logged, not returned.
func (a *Auth) Audit(ctx context.Context, action, target string, detail map[string]any) {
	a.audit.record(ctx, action, target, detail)
}

// InstanceChanged drops what is remembered of an instance whose settings changed.
func (a *Auth) InstanceChanged(id supervisor.ID) { a.keyring.forget(id) }

// InstanceEnded makes it hold at once that an instance is deleted: its keys open
// nothing, and its streams end.
func (a *Auth) InstanceEnded(id supervisor.ID) {
	a.keyring.forget(id)
	a.watch.EndInstance(id)
}

// secret is the key of access tokens, which the first server of the installation
// made.
type secret struct {
	settings settings

	mu    sync.Mutex
	value []byte // guarded by mu; empty until it was read
}

func (s *secret) get(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.value) > 0 {
		return s.value, nil
	}
	value, err := s.settings.SettingOrCreate(ctx, "jwt_secret", newSecret)
	if err != nil {
		return nil, err
	}
	s.value = value
	return value, nil
}

func newSecret() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

// now is cut to what Postgres keeps, so that answers agree before and after a read.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
