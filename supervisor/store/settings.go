package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/store/db"
)

// SettingOrCreate returns the value kept under key. When there is none it
// keeps what make returns; of several managers that do so at once all get the
// value of the first. It is kept sealed, see UseKeys.
func (s *Store) SettingOrCreate(ctx context.Context, key string, make func() ([]byte, error)) ([]byte, error) {
	const op = "store.SettingOrCreate"
	value, err := s.setting(ctx, key)
	if !errors.Is(err, pgx.ErrNoRows) {
		return value, failure(op, err)
	}
	if value, err = make(); err != nil {
		return nil, fmt.Errorf("make setting %s: %w", key, err)
	}
	if err := s.q.CreateSetting(ctx, db.CreateSettingParams{Key: key, Value: sealSetting(s.ring(), key, value)}); err != nil {
		return nil, failure(op, err)
	}
	value, err = s.setting(ctx, key)
	return value, failure(op, err)
}

func (s *Store) setting(ctx context.Context, key string) ([]byte, error) {
	value, err := s.q.Setting(ctx, key)
	if err != nil {
		return nil, err
	}
	return openSetting(s.ring(), key, value)
}

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
