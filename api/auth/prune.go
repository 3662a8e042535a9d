package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Expiring is what Prune needs of the database; *store.Store is one.
type Expiring interface {
	PruneRefreshTokens(ctx context.Context, before time.Time) (int, error)
	PruneAudit(ctx context.Context, action string, before time.Time) (int, error)
}

// Prune drops what nobody can use any more: expired refresh tokens, and old records
// of failed logins, which strangers cause. It tries both, whatever fails.
func Prune(ctx context.Context, st Expiring, now time.Time) error {
	_, tokens := st.PruneRefreshTokens(ctx, now)
	if tokens != nil {
		tokens = fmt.Errorf("remove expired refresh tokens: %w", tokens)
	}
	_, records := st.PruneAudit(ctx, loginFailed, now.Add(-failuresKept))
	if records != nil {
		records = fmt.Errorf("remove old records of failed logins: %w", records)
	}
	return errors.Join(tokens, records)
}
