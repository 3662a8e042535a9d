package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/loginguard"
	"whatsapp-manager/api/session"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

const (
	// recently is how long after a login with the password what hands out a
	// lasting secret asks for nothing more. A refresh does not lengthen it.
	recently = 10 * time.Minute
	// knownAddresses is how many addresses are remembered of a user.
	knownAddresses = 20
	busyFor        = 2 * time.Second
)

// Confirmation is the part of a body that proves that the bearer of a token is
// its owner; see confirm.
type Confirmation struct {
	CurrentPassword string `json:"currentPassword,omitempty" maxLength:"800" doc:"Your password; needed when the last login with it is longer than ten minutes ago"`
}

// checkPassword tells whether it is the password of the account with that
// email, and slows down those who guess. Of an account that there is not it
// says so after the same time.
func (s *Server) checkPassword(ctx context.Context, email, password string) (u store.User, ok bool, err error) {
	email = strings.ToLower(strings.TrimSpace(email))
	ip, at := trace.Of(ctx).IP, time.Now()
	if err := s.logins.From(ip, email, at); err != nil {
		return u, false, err
	}
	secret, err := s.jwtSecret(ctx)
	if err != nil {
		return u, false, err
	}
	address := loginguard.Hash(secret, ip)
	known, err := s.store.KnowsAddress(ctx, email, address)
	if err != nil {
		return u, false, err
	}
	hasher := s.passwords
	if !known {
		hasher = hasher.ForStrangers()
		if err := s.logins.At(email, at); err != nil {
			return u, false, err
		}
	}
	if u, err = s.store.UserByEmail(ctx, email); err != nil && !fault.Is(err, fault.NotFound) {
		return u, false, err
	}
	if ok, err = hasher.Verify(ctx, u.PasswordHash, password); err != nil {
		return u, false, busy(err)
	}
	if !ok {
		s.failed(ctx, u.ID, ip)
		return u, false, nil
	}
	s.logins.Forgive(ip, email, !known)
	s.remember(ctx, u.ID)
	return u, true, nil
}

// remember lets the user in from this address whatever others try at the
// account. A failure is logged: the login is good without.
func (s *Server) remember(ctx context.Context, userID string) {
	secret, err := s.jwtSecret(ctx)
	if err == nil {
		err = s.store.RememberAddress(ctx, userID, loginguard.Hash(secret, trace.Of(ctx).IP), now(), knownAddresses)
	}
	if err != nil {
		trace.Of(ctx).Logger(s.log).Warn().Err(err).Msg("the address of a login is not remembered")
	}
}

// busy says what a client may do about credential.ErrBusy.
func busy(err error) error {
	if errors.Is(err, credential.ErrBusy) {
		return &fault.Error{Kind: fault.RateLimited, Op: "api.password", Code: "login_busy", Msg: "too many passwords are being checked; try again in a moment", RetryAfter: busyFor, Err: err}
	}
	return err
}

// confirm returns nil when the asker is certainly the account's owner, who gave
// the password for this session a short time ago or gives it now. Whoever has
// no more than a stolen access token makes nothing that outlives it.
func (s *Server) confirm(ctx context.Context, password string) error {
	const op = "api.confirm"
	p := principalOf(ctx)
	if p.user == nil {
		return fault.New(fault.Forbidden, op, "an API key does not do here; this needs a user's access token")
	}
	if age := now().Sub(p.provedAt); age < recently && age > -time.Minute {
		return nil
	}
	if password == "" {
		return &fault.Error{Kind: fault.Forbidden, Op: op, Code: "password_required", Field: "currentPassword", Msg: "currentPassword: this needs your password once more, or a new login"}
	}
	u, ok, err := s.checkPassword(ctx, p.user.Email, password)
	switch {
	case err != nil:
		return err
	case !ok || u.ID != p.user.ID:
		return &fault.Error{Kind: fault.Forbidden, Op: op, Code: "password_wrong", Field: "currentPassword", Msg: "currentPassword: the password is wrong"}
	}
	return nil
}

// setPassword replaces a password, and with it whose addresses are trusted:
// somebody else may have signed in with the old one.
func (s *Server) setPassword(ctx context.Context, userID, hash string) error {
	if err := s.store.SetPassword(ctx, userID, hash); err != nil {
		return err
	}
	return s.store.ForgetAddresses(ctx, userID)
}

// endSession makes the end of a session, which the database has seen, hold here at once.
func (s *Server) endSession(id string) {
	s.sessions.Forget(id)
	s.watch.EndSession(id)
}

// endSessions ends all sessions of a user, with their access tokens and streams.
func (s *Server) endSessions(ctx context.Context, userID string) error {
	if err := s.store.RevokeUserTokens(ctx, userID, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	s.sessions.ForgetUser(userID)
	s.watch.EndSessions(userID)
	return nil
}

// hold returns a context that ends when the request's principal may not see
// the instance any more; see session.Watch.
func (s *Server) hold(ctx context.Context, in store.Instance) (held context.Context, release func(), err error) {
	p := principalOf(ctx)
	who := session.Holder{Key: p.keyID, User: in.OwnerID, Instance: in.ID}
	if p.user != nil {
		who = session.Holder{Session: p.session, User: p.user.ID, Instance: in.ID, Until: p.until}
	}
	held, release = s.watch.Hold(ctx, who)
	// What ended between the look at the credential and now was told to nobody here.
	if err := s.watch.Check(ctx, who); err != nil {
		release()
		return nil, nil, err
	}
	return held, release, nil
}
