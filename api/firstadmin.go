package api

import (
	"context"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/fault"
)

// FirstAdmin is the account an empty installation begins with.
type FirstAdmin struct {
	Email string
	// Password is set only when it was generated: print it once, it is kept nowhere.
	Password string
	Created  bool // false: there were users already, and nothing was done
}

// EnsureAdmin creates the first superadmin when there is no user at all, with
// the configured password or a random one. Later changes of the settings
// change no account. Safe to be called by several managers at once.
func (s *Server) EnsureAdmin(ctx context.Context) (FirstAdmin, error) {
	n, err := s.store.CountUsers(ctx)
	if err != nil || n > 0 {
		return FirstAdmin{Email: s.cfg.AdminEmail}, err
	}
	first := FirstAdmin{Email: s.cfg.AdminEmail, Created: true}
	password := s.cfg.AdminPassword
	if password == "" {
		password = credential.NewPassword()
		first.Password = password
	}
	u, err := s.createUser(ctx, s.cfg.AdminEmail, password, roleSuperadmin)
	if fault.Is(err, fault.Conflict) {
		return FirstAdmin{Email: s.cfg.AdminEmail}, nil // another manager was quicker
	}
	if err != nil {
		return FirstAdmin{}, err
	}
	s.audit(ctx, "admin.first", u.ID, nil)
	return first, nil
}
