package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/loginguard"
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
	CurrentPassword string `json:"currentPassword,omitempty" maxLength:"800" doc:"Your password; needed when you gave it more than ten minutes ago"`
}

// prover checks passwords, and slows down those who guess.
type prover struct {
	store     proofs
	log       zerolog.Logger
	secret    *secret
	passwords *credential.Passwords
	guard     *loginguard.Guard
	audit     *audit
}

type proofs interface {
	passwordRecords
	UserByEmail(ctx context.Context, email string) (store.User, error)
}

// check tells whether it is the password of the account with that
// email, and slows down those who guess. Of an account that there is not it
// says so after the same time.
func (v *prover) check(ctx context.Context, email, password string) (u store.User, ok bool, err error) {
	email = strings.ToLower(strings.TrimSpace(email))
	ip, at := trace.Of(ctx).IP, time.Now()
	if err := v.guard.From(ip, email, at); err != nil {
		return u, false, err
	}
	secret, err := v.secret.get(ctx)
	if err != nil {
		return u, false, err
	}
	address := loginguard.Hash(secret, ip)
	known, err := v.store.KnowsAddress(ctx, email, address)
	if err != nil {
		return u, false, err
	}
	hasher := v.passwords
	if !known {
		hasher = hasher.ForStrangers()
		if err := v.guard.At(email, at); err != nil {
			return u, false, err
		}
	}
	if u, err = v.store.UserByEmail(ctx, email); err != nil && !fault.Is(err, fault.NotFound) {
		return u, false, err
	}
	if ok, err = hasher.Verify(ctx, u.PasswordHash, password); err != nil {
		return u, false, busy(err)
	}
	if !ok {
		v.audit.failed(ctx, u.ID, ip)
		return u, false, nil
	}
	v.guard.Forgive(ip, email, !known)
	v.remember(ctx, u.ID)
	return u, true, nil
}

// remember lets the user in from this address whatever others try at the
// account. A failure is logged: the login is good without.
func (v *prover) remember(ctx context.Context, userID string) {
	secret, err := v.secret.get(ctx)
	if err == nil {
		err = v.store.RememberAddress(ctx, userID, loginguard.Hash(secret, trace.Of(ctx).IP), now(), knownAddresses)
	}
	if err != nil {
		trace.Of(ctx).Logger(v.log).Warn().Err(err).Msg("the address of a login is not remembered")
	}
}

// busy says what a client may do about credential.ErrBusy.
func busy(err error) error {
	if errors.Is(err, credential.ErrBusy) {
		return &fault.Error{Kind: fault.RateLimited, Op: "auth.password", Code: "login_busy", Msg: "too many passwords are being checked; try again in a moment", RetryAfter: busyFor, Err: err}
	}
	return err
}

// confirm returns nil when the asker is certainly the account's owner, who gave
// the password for this session a short time ago or gives it now. Whoever has
// no more than a stolen access token makes nothing that outlives it.
func (v *prover) confirm(ctx context.Context, password string) error {
	const op = "auth.confirm"
	p := Of(ctx)
	if p.User == nil {
		return fault.New(fault.Forbidden, op, "an API key is not enough here: this needs a user's access token")
	}
	if age := now().Sub(p.provedAt); age < recently && age > -time.Minute {
		return nil
	}
	if password == "" {
		return &fault.Error{Kind: fault.Forbidden, Op: op, Code: "password_required", Field: "currentPassword", Msg: "currentPassword: enter your password again, or sign in again"}
	}
	u, ok, err := v.check(ctx, p.User.Email, password)
	switch {
	case err != nil:
		return err
	case !ok || u.ID != p.User.ID:
		return &fault.Error{Kind: fault.Forbidden, Op: op, Code: "password_wrong", Field: "currentPassword", Msg: "currentPassword: the password is wrong"}
	}
	return nil
}

// set replaces a password, and with it whose addresses are trusted:
// somebody else may have signed in with the old one.
func (v *prover) set(ctx context.Context, userID, hash string) error {
	if err := v.store.SetPassword(ctx, userID, hash); err != nil {
		return err
	}
	return v.store.ForgetAddresses(ctx, userID)
}
