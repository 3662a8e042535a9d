package auth

import (
	"context"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/fault"
)

// EnsureAdmin creates the first superadmin when there is no user at all, with
// the configured password or a random one. Only a random one is returned:
// print it once, it is kept nowhere. Later changes of the settings change no
// account. Safe to be called by several managers at once.
func (a *Auth) EnsureAdmin(ctx context.Context) (password string, err error) {
	n, err := a.accounts.store.CountUsers(ctx)
	if err != nil || n > 0 {
		return "", err
	}
	chosen := a.accounts.cfg.AdminPassword
	if chosen == "" {
		password = credential.NewPassword()
		chosen = password
	}
	u, err := a.accounts.createUser(ctx, a.prover.passwords, a.accounts.cfg.AdminEmail, chosen, roleSuperadmin)
	if fault.Is(err, fault.Conflict) {
		return "", nil // another manager was quicker
	}
	if err != nil {
		return "", err
	}
	a.audit.record(ctx, "admin.first", u.ID, nil)
	return password, nil
}
