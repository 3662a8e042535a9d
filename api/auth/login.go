package auth

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

const maxEmail = 254

// UserView is a user as the API shows one.
type UserView struct {
	ID           string     `json:"id"`
	Email        string     `json:"email" example:"admin@example.com"`
	Role         string     `json:"role" enum:"user,admin,superadmin"`
	CreatedAt    time.Time  `json:"createdAt"`
	DisabledAt   *time.Time `json:"disabledAt,omitempty"`
	MaxInstances *int       `json:"maxInstances,omitempty" doc:"How many instances the user may create; absent: the installation's default; 0: no limit"`
}

func viewUser(u store.User) UserView {
	return UserView{ID: u.ID, Email: u.Email, Role: u.Role, CreatedAt: u.CreatedAt, DisabledAt: u.DisabledAt, MaxInstances: u.MaxInstances}
}

// Tokens are what a login gives.
type Tokens struct {
	AccessToken  string `json:"accessToken" doc:"Send it in the Authorization header, as Bearer"`
	RefreshToken string `json:"refreshToken" doc:"Works for one refresh, which gives the next refresh token"`
	ExpiresIn    int    `json:"expiresIn" doc:"Seconds until the access token expires" example:"900"`
}

type signedIn struct {
	Status int
	Body   struct {
		User   UserView `json:"user"`
		Tokens Tokens   `json:"tokens"`
	}
}

type userOutput struct {
	Status int
	Body   struct {
		User UserView `json:"user"`
	}
}

// Credentials name an account and prove it.
type Credentials struct {
	Email    string `json:"email" maxLength:"254" example:"admin@localhost"`
	Password string `json:"password" maxLength:"800"`
}

type credentialsInput struct{ Body Credentials }

func (a *accounts) loginRoutes(r *route.Router) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/auth" + path, Summary: summary, Tags: []string{"Auth"}, DefaultStatus: status}
	}
	route.Add(r, route.Public, op("login", http.MethodPost, "/login", "Sign in", http.StatusOK), a.login)
	register := op("register", http.MethodPost, "/register", "Create an account, where the installation allows it", http.StatusAccepted)
	register.Description = "The answer is the same whether the address was free or not. If it was free, the account exists now: sign in."
	route.Add(r, route.Public, register, a.register)
	route.Add(r, route.Public, op("refresh", http.MethodPost, "/refresh", "Exchange a refresh token for new tokens", http.StatusOK), a.refresh)
	route.Add(r, route.SignedIn, op("me", http.MethodGet, "/me", "Show the user who is signed in", http.StatusOK), a.me)
	route.Add(r, route.SignedIn, op("change-password", http.MethodPost, "/change-password", "Change the password; this ends all other logins", http.StatusOK), a.changePassword)
	route.Add(r, route.SignedIn, op("logout", http.MethodPost, "/logout", "Sign out", http.StatusNoContent), a.logout)
	route.Add(r, route.SignedIn, op("logout-all", http.MethodPost, "/logout-all", "Sign out everywhere", http.StatusNoContent), a.logoutAll)
}

func (a *accounts) login(ctx context.Context, in *credentialsInput) (*signedIn, error) {
	const op = "auth.login"
	u, ok, err := a.prover.check(ctx, in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fault.Error{Kind: fault.Unauthorized, Op: op, Code: "bad_credentials", Msg: "email or password is wrong"}
	}
	if u.DisabledAt != nil {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: op, Code: "account_disabled", Msg: "this account is disabled"}
	}
	out, err := a.openSession(ctx, u, http.StatusOK)
	if err == nil {
		a.audit.record(With(ctx, Principal{User: &u}), "login", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
	}
	return out, err
}

type registered struct {
	Status int
	Body   struct {
		Message string `json:"message"`
	}
}

// register does not tell whether an address has an account: the answer, and
// its time, are the same.
func (a *accounts) register(ctx context.Context, in *credentialsInput) (*registered, error) {
	if !a.cfg.OpenRegister {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: "auth.register", Code: "registration_closed", Msg: "registration is closed; an administrator can create an account"}
	}
	if err := a.prover.guard.Register(trace.Of(ctx).IP, time.Now()); err != nil {
		return nil, err
	}
	u, err := a.createUser(ctx, a.prover.passwords.ForStrangers(), in.Body.Email, in.Body.Password, roleUser)
	switch {
	case err == nil:
		a.audit.record(With(ctx, Principal{User: &u}), "user.register", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
	case fault.Is(err, fault.Conflict):
		// For the account's owner; and so that both ways write as much.
		if u, err = a.store.UserByEmail(ctx, strings.TrimSpace(in.Body.Email)); err == nil {
			a.audit.record(ctx, "user.register_refused", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
		}
	default:
		return nil, err
	}
	out := &registered{Status: http.StatusAccepted}
	out.Body.Message = "if the address had no account, it has one now; sign in with it"
	return out, nil
}

func (a *accounts) refresh(ctx context.Context, in *struct {
	Body struct {
		RefreshToken string `json:"refreshToken" maxLength:"200"`
	}
},
) (*signedIn, error) {
	const op = "auth.refresh"
	token := in.Body.RefreshToken
	invalid := &fault.Error{Kind: fault.Unauthorized, Op: op, Code: "token_invalid", Field: "refreshToken", Msg: "the refresh token is no longer valid"}
	if !credential.LooksLikeRefresh(token) {
		return nil, invalid
	}
	at, fresh := now(), credential.NewRefresh()
	old, err := a.store.RotateRefreshToken(ctx, credential.Hash(token), store.RefreshToken{
		ID: ident.New(), Hash: credential.Hash(fresh), IssuedAt: at, ExpiresAt: at.Add(a.cfg.RefreshTTL),
	}, at)
	if fault.Is(err, fault.NotFound) {
		return nil, invalid
	}
	if fault.Is(err, fault.Unauthorized) && old.Family != "" {
		a.ends.one(old.Family) // a token that was used before has ended it
	}
	if err != nil {
		return nil, err
	}
	u, err := a.store.User(ctx, old.UserID)
	if err != nil {
		return nil, err
	}
	if u.DisabledAt != nil {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: op, Code: "account_disabled", Msg: "this account is disabled"}
	}
	return a.tokens(ctx, u, old.Family, fresh, at, http.StatusOK)
}

func (a *accounts) me(ctx context.Context, _ *struct{}) (*userOutput, error) {
	out := &userOutput{Status: http.StatusOK}
	out.Body.User = viewUser(*Of(ctx).User)
	return out, nil
}

func (a *accounts) changePassword(ctx context.Context, in *struct {
	Body struct {
		CurrentPassword string `json:"currentPassword" maxLength:"800"`
		NewPassword     string `json:"newPassword" maxLength:"800"`
	}
},
) (*signedIn, error) {
	const op = "auth.changePassword"
	u := *Of(ctx).User
	_, ok, err := a.prover.check(ctx, u.Email, in.Body.CurrentPassword)
	if err != nil {
		return nil, err
	}
	if !ok {
		// Not 401: the access token is fine, and clients would answer that by refreshing it.
		return nil, fault.Bad(op, "currentPassword", "the current password is wrong")
	}
	if err := checkChoice(op, "newPassword", in.Body.NewPassword, u.Email); err != nil {
		return nil, err
	}
	hash, err := a.prover.passwords.Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, busy(err)
	}
	if err := a.prover.set(ctx, u.ID, hash); err != nil {
		return nil, err
	}
	a.prover.remember(ctx, u.ID)
	if err := a.ends.all(ctx, u.ID); err != nil {
		return nil, err
	}
	a.audit.record(ctx, "password.change", u.ID, nil)
	return a.openSession(ctx, u, http.StatusOK)
}

func (a *accounts) logout(ctx context.Context, _ *struct{}) (*route.NoContent, error) {
	if err := a.store.RevokeFamily(ctx, Of(ctx).session, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	a.ends.one(Of(ctx).session)
	a.audit.record(ctx, "logout", Of(ctx).User.ID, nil)
	return route.Done, nil
}

func (a *accounts) logoutAll(ctx context.Context, _ *struct{}) (*route.NoContent, error) {
	u := Of(ctx).User
	if err := a.ends.all(ctx, u.ID); err != nil {
		return nil, err
	}
	a.audit.record(ctx, "logout.all", u.ID, nil)
	return route.Done, nil
}

// openSession begins a new family of refresh tokens for the user.
func (a *accounts) openSession(ctx context.Context, u store.User, status int) (*signedIn, error) {
	at, refresh, family := now(), credential.NewRefresh(), ident.New()
	if err := a.store.InsertRefreshToken(ctx, store.RefreshToken{
		ID: ident.New(), UserID: u.ID, Family: family, Hash: credential.Hash(refresh), IssuedAt: at, ExpiresAt: at.Add(a.cfg.RefreshTTL), ProvedAt: at,
	}); err != nil {
		return nil, err
	}
	return a.tokens(ctx, u, family, refresh, at, status)
}

func (a *accounts) tokens(ctx context.Context, u store.User, family, refresh string, at time.Time, status int) (*signedIn, error) {
	secret, err := a.secret.get(ctx)
	if err != nil {
		return nil, err
	}
	access, err := credential.SignAccess(secret, credential.Access{UserID: u.ID, Session: family}, at, a.cfg.AccessTTL)
	if err != nil {
		return nil, err
	}
	out := &signedIn{Status: status}
	out.Body.User = viewUser(u)
	out.Body.Tokens = Tokens{AccessToken: access, RefreshToken: refresh, ExpiresIn: int(a.cfg.AccessTTL.Seconds())}
	return out, nil
}

// createUser checks and inserts a user; a taken address is fault.Conflict.
func (a *accounts) createUser(ctx context.Context, hasher *credential.Passwords, email, password, role string) (store.User, error) {
	const op = "auth.createUser"
	clean, err := CleanEmail(email)
	if err != nil {
		return store.User{}, err
	}
	if err := checkChoice(op, "password", password, clean); err != nil {
		return store.User{}, err
	}
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return store.User{}, busy(err)
	}
	u := store.User{ID: ident.New(), Email: clean, PasswordHash: hash, Role: role, CreatedAt: now()}
	if err := a.store.CreateUser(ctx, u); err != nil {
		if fault.Is(err, fault.Conflict) {
			return store.User{}, &fault.Error{Kind: fault.Conflict, Op: op, Field: "email", Code: "email_taken", Msg: "there is already an account with this email address"}
		}
		return store.User{}, err
	}
	return u, nil
}

// CleanEmail returns the address in lower case, or an error that says what is wrong
// with it.
func CleanEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail {
		return "", fault.Bad("auth.email", "email", "email: this is not an email address")
	}
	return email, nil
}

// checkChoice says why a password must not be chosen, naming the field.
func checkChoice(op, field, password, email string) error {
	err := credential.CheckChoice(password, email)
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "password_weak", Msg: field + ": " + err.Error()}
}
