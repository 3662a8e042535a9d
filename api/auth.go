package api

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

const (
	minPassword = 10
	maxPassword = 200 // characters; hashing must not be a way to burn our CPU
	maxEmail    = 254
)

// UserView is a user as the API shows one.
type UserView struct {
	ID         string     `json:"id"`
	Email      string     `json:"email" example:"admin@example.com"`
	Role       string     `json:"role" enum:"user,admin,superadmin"`
	CreatedAt  time.Time  `json:"createdAt"`
	DisabledAt *time.Time `json:"disabledAt,omitempty"`
}

func viewUser(u store.User) UserView {
	return UserView{ID: u.ID, Email: u.Email, Role: u.Role, CreatedAt: u.CreatedAt, DisabledAt: u.DisabledAt}
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
	route(s, Public, op("register", http.MethodPost, "/register", "Create an account, where the installation allows it", http.StatusCreated), s.register)
	route(s, Public, op("refresh", http.MethodPost, "/refresh", "Exchange a refresh token for new tokens", http.StatusOK), s.refresh)
	route(s, SignedIn, op("me", http.MethodGet, "/me", "Who am I?", http.StatusOK), s.me)
	route(s, SignedIn, op("change-password", http.MethodPost, "/change-password", "Change the password; ends all other sessions", http.StatusOK), s.changePassword)
	route(s, SignedIn, op("logout", http.MethodPost, "/logout", "End this session", http.StatusNoContent), s.logout)
	route(s, SignedIn, op("logout-all", http.MethodPost, "/logout-all", "End all sessions", http.StatusNoContent), s.logoutAll)
}

func (s *Server) login(ctx context.Context, in *credentialsInput) (*signedIn, error) {
	const op = "api.login"
	email := strings.ToLower(strings.TrimSpace(in.Body.Email))
	if err := s.logins.try(traceOf(ctx).ip, email, time.Now()); err != nil {
		return nil, err
	}
	u, err := s.store.UserByEmail(ctx, email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	ok, err := s.passwords.Verify(ctx, u.PasswordHash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fault.Error{Kind: fault.Unauthorized, Op: op, Code: "bad_credentials", Msg: "email or password is wrong"}
	}
	if u.DisabledAt != nil {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: op, Code: "account_disabled", Msg: "this account is disabled"}
	}
	s.logins.forgive(traceOf(ctx).ip, email)
	out, err := s.openSession(ctx, u, http.StatusOK)
	if err == nil {
		s.audit(withPrincipal(ctx, principal{user: &u}), "login", u.ID, map[string]any{"ip": traceOf(ctx).ip})
	}
	return out, err
}

func (s *Server) register(ctx context.Context, in *credentialsInput) (*signedIn, error) {
	if !s.cfg.OpenRegister {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: "api.register", Code: "registration_closed", Msg: "registration is closed; an administrator can create an account"}
	}
	if err := s.logins.try(traceOf(ctx).ip, "register", time.Now()); err != nil {
		return nil, err
	}
	u, err := s.createUser(ctx, in.Body.Email, in.Body.Password, roleUser)
	if err != nil {
		return nil, err
	}
	return s.openSession(ctx, u, http.StatusCreated)
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
	if err := s.logins.try(traceOf(ctx).ip, u.Email, time.Now()); err != nil {
		return nil, err
	}
	ok, err := s.passwords.Verify(ctx, u.PasswordHash, in.Body.CurrentPassword)
	if err != nil {
		return nil, err
	}
	if !ok {
		// Not 401: the access token is fine, and clients would answer that by refreshing it.
		return nil, fault.Bad(op, "currentPassword", "the current password is wrong")
	}
	s.logins.forgive(traceOf(ctx).ip, u.Email)
	if !acceptablePassword(in.Body.NewPassword) {
		return nil, badPassword(op, "newPassword")
	}
	hash, err := s.passwords.Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	if err := s.store.SetPassword(ctx, u.ID, hash); err != nil {
		return nil, err
	}
	if err := s.store.RevokeUserTokens(ctx, u.ID, now()); err != nil {
		return nil, err
	}
	s.audit(ctx, "password.change", u.ID, nil)
	return s.openSession(ctx, u, http.StatusOK)
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*noContent, error) {
	if err := s.store.RevokeFamily(ctx, principalOf(ctx).session, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return nothing, nil
}

func (s *Server) logoutAll(ctx context.Context, _ *struct{}) (*noContent, error) {
	u := principalOf(ctx).user
	if err := s.store.RevokeUserTokens(ctx, u.ID, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	s.audit(ctx, "logout.all", u.ID, nil)
	return nothing, nil
}

// openSession begins a new family of refresh tokens for the user.
func (s *Server) openSession(ctx context.Context, u store.User, status int) (*signedIn, error) {
	at, refresh, family := now(), credential.NewRefresh(), newID()
	if err := s.store.InsertRefreshToken(ctx, store.RefreshToken{
		ID: newID(), UserID: u.ID, Family: family, Hash: credential.Hash(refresh), IssuedAt: at, ExpiresAt: at.Add(s.cfg.RefreshTTL),
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
func (s *Server) createUser(ctx context.Context, email, password, role string) (store.User, error) {
	const op = "api.createUser"
	clean, err := cleanEmail(email)
	if err != nil {
		return store.User{}, err
	}
	if !acceptablePassword(password) {
		return store.User{}, badPassword(op, "password")
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return store.User{}, err
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

func acceptablePassword(password string) bool {
	n := utf8.RuneCountInString(password)
	return n >= minPassword && n <= maxPassword
}

func badPassword(op, field string) error {
	return fault.Bad(op, field, "%s: needs %d to %d characters", field, minPassword, maxPassword)
}
