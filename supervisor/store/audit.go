package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"whatsapp-manager/supervisor/store/db"
)

// Audit writes down who did what to what; userID is empty for the system.
// detail must hold no secrets: it is kept for ever.
func (s *Store) Audit(ctx context.Context, at time.Time, userID, action, target string, detail map[string]any) error {
	const op = "store.Audit"
	if detail == nil {
		detail = map[string]any{}
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return failure(op, fmt.Errorf("encode detail: %w", err))
	}
	var user *string
	if userID != "" {
		user = &userID
	}
	return failure(op, s.q.Audit(ctx, db.AuditParams{At: at, UserID: user, Action: action, Target: target, Detail: b}))
}

// AuditRow is one deed of the audit log. UserID is empty for the system and for
// API keys, which are named in Detail.
type AuditRow struct {
	ID             int64
	At             time.Time
	UserID         string
	Action, Target string
	Detail         json.RawMessage // an object
}

// AuditFilter says which rows are wanted; what is empty does not matter.
type AuditFilter struct {
	Viewer       string // only what this user did, and what was done to them or to an instance of theirs
	Action       string // this, and those below it: login is also login.failed
	UserID       string
	Target       string
	Since, Until *time.Time
	Before       int64 // only rows with a lower id
}

// AuditLog returns up to limit rows, newest first.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter, limit int) ([]AuditRow, error) {
	rows, err := s.q.AuditPage(ctx, db.AuditPageParams{
		Viewer: f.Viewer, Action: f.Action, UserID: f.UserID, Target: f.Target, Since: f.Since, Until: f.Until, Before: f.Before, Lim: limit,
	})
	list := make([]AuditRow, len(rows))
	for i, r := range rows {
		list[i] = AuditRow{ID: r.ID, At: r.At, Action: r.Action, Target: r.Target, Detail: r.Detail}
		if r.UserID != nil {
			list[i].UserID = *r.UserID
		}
	}
	return list, failure("store.AuditLog", err)
}

// PruneAudit deletes the rows of one action that are older than before and
// returns how many: of those that strangers cause.
func (s *Store) PruneAudit(ctx context.Context, action string, before time.Time) (int, error) {
	n, err := s.q.PruneAudit(ctx, db.PruneAuditParams{Action: action, Before: before})
	return int(n), failure("store.PruneAudit", err)
}
