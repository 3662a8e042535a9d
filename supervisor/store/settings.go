package store

import (
	"context"
	"errors"
	"fmt"

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
