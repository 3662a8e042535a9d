package auth

import (
	"context"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Store is what the package needs of the database, by use; *store.Store is one.
// Errors are faults: NotFound, Conflict with the field, Unavailable when the
// database is away.
type Store interface {
	settings
	instances
	users
	userChanges
	passwordRecords
	refreshTokens
	living
	standing
	keyUses
	keyRecords
	auditRecords
}

type settings interface {
	// SettingOrCreate returns the kept value of key; the first caller's make wins.
	SettingOrCreate(ctx context.Context, key string, make func() ([]byte, error)) ([]byte, error)
}

type instances interface {
	Instance(ctx context.Context, id supervisor.ID) (store.Instance, error)
}

type users interface {
	CreateUser(ctx context.Context, u store.User) error
	UserByEmail(ctx context.Context, email string) (store.User, error)
	User(ctx context.Context, id string) (store.User, error)
	Users(ctx context.Context, offset, limit int) ([]store.User, int, error)
	CountUsers(ctx context.Context) (int, error)
}

type userChanges interface {
	SetUserRole(ctx context.Context, id, role string) error
	SetUserDisabled(ctx context.Context, id string, at *time.Time) error
	SetMaxInstances(ctx context.Context, id string, most *int) error
}

type passwordRecords interface {
	SetPassword(ctx context.Context, id, hash string) error
	RememberAddress(ctx context.Context, userID string, hash []byte, at time.Time, keep int) error
	ForgetAddresses(ctx context.Context, userID string) error
	KnowsAddress(ctx context.Context, email string, hash []byte) (bool, error)
}

type refreshTokens interface {
	InsertRefreshToken(ctx context.Context, t store.RefreshToken) error
	// RotateRefreshToken exchanges the token of that hash for next, which takes
	// its user and family. A token used before revokes its family.
	RotateRefreshToken(ctx context.Context, hash []byte, next store.RefreshToken, now time.Time) (store.RefreshToken, error)
	RevokeFamily(ctx context.Context, family string, now time.Time) error
	RevokeUserTokens(ctx context.Context, userID string, now time.Time) error
}

type living interface {
	// LivingSession returns whose the session is and when they gave the password for
	// it; NotFound when it ended.
	LivingSession(ctx context.Context, family string, now time.Time) (store.User, time.Time, error)
}

type standing interface {
	StandingKeys(ctx context.Context, ids []string) ([]string, error)
	StandingSessions(ctx context.Context, uses []store.SessionUse, now time.Time) ([]store.SessionUse, error)
}

type keyUses interface {
	InstanceByKeyHash(ctx context.Context, hash []byte) (store.Instance, store.APIKey, error)
	TouchKeys(ctx context.Context, used map[string]time.Time) error
}

type keyRecords interface {
	InsertKey(ctx context.Context, k store.APIKey) error
	Keys(ctx context.Context, instance supervisor.ID) ([]store.APIKey, error)
	RevokeKey(ctx context.Context, instance supervisor.ID, id string, now time.Time) error
}

type auditRecords interface {
	Audit(ctx context.Context, at time.Time, userID, action, target string, detail map[string]any) error
	AuditLog(ctx context.Context, f store.AuditFilter, limit int) ([]store.AuditRow, error)
}
