package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor/store/db"
)

// User is a person who may log in. Emails are kept in lower case; Role is
// user, admin or superadmin. MaxInstances is how many instances they may create:
// nil is the installation's default, 0 no limit.
type User struct {
	ID, Email, PasswordHash, Role string
	CreatedAt                     time.Time
	DisabledAt                    *time.Time
	MaxInstances                  *int
}

// CreateUser inserts u; Conflict with Field "email" when the address is taken.
func (s *Store) CreateUser(ctx context.Context, u User) error {
	return failure("store.CreateUser", s.q.CreateUser(ctx, db.CreateUserParams{
		ID: u.ID, Email: u.Email, PasswordHash: u.PasswordHash, Role: u.Role, CreatedAt: u.CreatedAt, DisabledAt: u.DisabledAt, MaxInstances: u.MaxInstances,
	}))
}

// UserByEmail finds a user by address, in any case of letters.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	u, err := s.q.UserByEmail(ctx, email)
	return User(u), failure("store.UserByEmail", err)
}

// User finds a user by id.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	u, err := s.q.UserByID(ctx, id)
	return User(u), failure("store.User", err)
}

// Users returns a page of all users, oldest first, and how many there are.
func (s *Store) Users(ctx context.Context, offset, limit int) ([]User, int, error) {
	const op = "store.Users"
	rows, err := s.q.UsersPage(ctx, db.UsersPageParams{Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.CountUsers(ctx)
	users := make([]User, len(rows))
	for i, r := range rows {
		users[i] = User(r)
	}
	return users, total, err
}

// CountUsers returns how many users there are, disabled ones included.
func (s *Store) CountUsers(ctx context.Context) (int, error) {
	n, err := s.q.CountUsers(ctx)
	return int(n), failure("store.CountUsers", err)
}

// SetPassword replaces the hash of a user's password, and ends the link pages that
// the user made.
func (s *Store) SetPassword(ctx context.Context, id, hash string) error {
	n, err := s.q.SetPassword(ctx, db.SetPasswordParams{ID: id, PasswordHash: hash})
	return found("store.SetPassword", n, err)
}

// SetUserDisabled disables a user from at on, or enables one when at is nil.
// The link pages that the user made end when the user is disabled.
func (s *Store) SetUserDisabled(ctx context.Context, id string, at *time.Time) error {
	n, err := s.q.SetUserDisabled(ctx, db.SetUserDisabledParams{ID: id, DisabledAt: at})
	return found("store.SetUserDisabled", n, err)
}

// SetMaxInstances changes how many instances a user may create; see User.
func (s *Store) SetMaxInstances(ctx context.Context, id string, most *int) error {
	n, err := s.q.SetMaxInstances(ctx, db.SetMaxInstancesParams{ID: id, MaxInstances: most})
	return found("store.SetMaxInstances", n, err)
}

// SetUserRole changes a user's role; Invalid when it is not one of the three.
func (s *Store) SetUserRole(ctx context.Context, id, role string) error {
	n, err := s.q.SetUserRole(ctx, db.SetUserRoleParams{ID: id, Role: role})
	return found("store.SetUserRole", n, err)
}
