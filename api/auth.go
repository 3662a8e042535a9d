package api

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/credential"
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
	AccessToken  string `json:"accessToken" doc:"For the Authorization header, as Bearer"`
	RefreshToken string `json:"refreshToken" doc:"Good for one refresh, which gives the next"`
	ExpiresIn    int    `json:"expiresIn" doc:"Seconds the access token is good for" example:"900"`
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

func (s *Server) authRoutes() {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/auth" + path, Summary: summary, Tags: []string{"Auth"}, DefaultStatus: status}
	}
	route(s, Public, op("login", http.MethodPost, "/login", "Sign in", http.StatusOK), s.login)
	register := op("register", http.MethodPost, "/register", "Create an account, where the installation allows it", http.StatusAccepted)
	register.Description = "The answer is the same whether the address was free or not. When it was, the account exists now: sign in."
	route(s, Public, register, s.register)
	route(s, Public, op("refresh", http.MethodPost, "/refresh", "Exchange a refresh token for new tokens", http.StatusOK), s.refresh)
	route(s, SignedIn, op("me", http.MethodGet, "/me", "Who am I?", http.StatusOK), s.me)
	route(s, SignedIn, op("change-password", http.MethodPost, "/change-password", "Change the password; ends all other sessions", http.StatusOK), s.changePassword)
	route(s, SignedIn, op("logout", http.MethodPost, "/logout", "End this session", http.StatusNoContent), s.logout)
	route(s, SignedIn, op("logout-all", http.MethodPost, "/logout-all", "End all sessions", http.StatusNoContent), s.logoutAll)
}

func (s *Server) login(ctx context.Context, in *credentialsInput) (*signedIn, error) {
	const op = "api.login"
	u, ok, err := s.checkPassword(ctx, in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fault.Error{Kind: fault.Unauthorized, Op: op, Code: "bad_credentials", Msg: "email or password is wrong"}
	}
	if u.DisabledAt != nil {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: op, Code: "account_disabled", Msg: "this account is disabled"}
	}
	out, err := s.openSession(ctx, u, http.StatusOK)
	if err == nil {
		s.audit(withPrincipal(ctx, principal{user: &u}), "login", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
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
func (s *Server) register(ctx context.Context, in *credentialsInput) (*registered, error) {
	if !s.cfg.OpenRegister {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: "api.register", Code: "registration_closed", Msg: "registration is closed; an administrator can create an account"}
	}
	if err := s.logins.Register(trace.Of(ctx).IP, time.Now()); err != nil {
		return nil, err
	}
	u, err := s.createUser(ctx, s.passwords.ForStrangers(), in.Body.Email, in.Body.Password, roleUser)
	switch {
	case err == nil:
		s.audit(withPrincipal(ctx, principal{user: &u}), "user.register", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
	case fault.Is(err, fault.Conflict):
		// For the account's owner; and so that both ways write as much.
		if u, err = s.store.UserByEmail(ctx, strings.TrimSpace(in.Body.Email)); err == nil {
			s.audit(ctx, "user.register_refused", u.ID, map[string]any{"ip": trace.Of(ctx).IP})
		}
	default:
		return nil, err
	}
	out := &registered{Status: http.StatusAccepted}
	out.Body.Message = "if the address had no account, it has one now: sign in with it"
	return out, nil
}

func (s *Server) refresh(ctx context.Context, in *struct {
	Body struct {
		RefreshToken string `json:"refreshToken" maxLength:"200"`
	}
}) (*signedIn, error) {
	const op = "api.refresh"
	token := in.Body.RefreshToken
	invalid := &fault.Error{Kind: fault.Unauthorized, Op: op, Code: "token_invalid", Field: "refreshToken", Msg: "the refresh token is not valid any more"}
	if !credential.LooksLikeRefresh(token) {
		return nil, invalid
	}
	at, fresh := now(), credential.NewRefresh()
	old, err := s.store.RotateRefreshToken(ctx, credential.Hash(token), store.RefreshToken{
		ID: newID(), Hash: credential.Hash(fresh), IssuedAt: at, ExpiresAt: at.Add(s.cfg.RefreshTTL),
	}, at)
	if fault.Is(err, fault.NotFound) {
		return nil, invalid
	}
	if fault.Is(err, fault.Unauthorized) && old.Family != "" {
		s.endSession(old.Family) // a token that was used before has ended it
	}
	if err != nil {
		return nil, err
	}
	u, err := s.store.User(ctx, old.UserID)
	if err != nil {
		return nil, err
	}
	if u.DisabledAt != nil {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: op, Code: "account_disabled", Msg: "this account is disabled"}
	}
	return s.tokens(ctx, u, old.Family, fresh, at, http.StatusOK)
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*userOutput, error) {
	out := &userOutput{Status: http.StatusOK}
	out.Body.User = viewUser(*principalOf(ctx).user)
	return out, nil
}

func (s *Server) changePassword(ctx context.Context, in *struct {
	Body struct {
		CurrentPassword string `json:"currentPassword" maxLength:"800"`
		NewPassword     string `json:"newPassword" maxLength:"800"`
	}
}) (*signedIn, error) {
	const op = "api.changePassword"
	u := *principalOf(ctx).user
	_, ok, err := s.checkPassword(ctx, u.Email, in.Body.CurrentPassword)
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
	hash, err := s.passwords.Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, busy(err)
	}
	if err := s.setPassword(ctx, u.ID, hash); err != nil {
		return nil, err
	}
	s.remember(ctx, u.ID)
	if err := s.endSessions(ctx, u.ID); err != nil {
		return nil, err
	}
	s.audit(ctx, "password.change", u.ID, nil)
	return s.openSession(ctx, u, http.StatusOK)
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*noContent, error) {
	if err := s.store.RevokeFamily(ctx, principalOf(ctx).session, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	s.endSession(principalOf(ctx).session)
	s.audit(ctx, "logout", principalOf(ctx).user.ID, nil)
	return nothing, nil
}

func (s *Server) logoutAll(ctx context.Context, _ *struct{}) (*noContent, error) {
	u := principalOf(ctx).user
	if err := s.endSessions(ctx, u.ID); err != nil {
		return nil, err
	}
	s.audit(ctx, "logout.all", u.ID, nil)
	return nothing, nil
}

// openSession begins a new family of refresh tokens for the user.
func (s *Server) openSession(ctx context.Context, u store.User, status int) (*signedIn, error) {
	at, refresh, family := now(), credential.NewRefresh(), newID()
	if err := s.store.InsertRefreshToken(ctx, store.RefreshToken{
		ID: newID(), UserID: u.ID, Family: family, Hash: credential.Hash(refresh), IssuedAt: at, ExpiresAt: at.Add(s.cfg.RefreshTTL), ProvedAt: at,
	}); err != nil {
		return nil, err
	}
	return s.tokens(ctx, u, family, refresh, at, status)
}

func (s *Server) tokens(ctx context.Context, u store.User, family, refresh string, at time.Time, status int) (*signedIn, error) {
	secret, err := s.jwtSecret(ctx)
	if err != nil {
		return nil, err
	}
	access, err := credential.SignAccess(secret, credential.Access{UserID: u.ID, Session: family}, at, s.cfg.AccessTTL)
	if err != nil {
		return nil, err
	}
	out := &signedIn{Status: status}
	out.Body.User = viewUser(u)
	out.Body.Tokens = Tokens{AccessToken: access, RefreshToken: refresh, ExpiresIn: int(s.cfg.AccessTTL.Seconds())}
	return out, nil
}

// createUser checks and inserts a user; a taken address is fault.Conflict.
func (s *Server) createUser(ctx context.Context, hasher *credential.Passwords, email, password, role string) (store.User, error) {
	const op = "api.createUser"
	clean, err := cleanEmail(email)
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
	u := store.User{ID: newID(), Email: clean, PasswordHash: hash, Role: role, CreatedAt: now()}
	if err := s.store.CreateUser(ctx, u); err != nil {
		if fault.Is(err, fault.Conflict) {
			return store.User{}, &fault.Error{Kind: fault.Conflict, Op: op, Field: "email", Code: "email_taken", Msg: "there is already an account with this email address"}
		}
		return store.User{}, err
	}
	return u, nil
}

// cleanEmail returns the address in lower case, or what is wrong with it.
func cleanEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail {
		return "", fault.Bad("api.email", "email", "email: this is not an email address")
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
