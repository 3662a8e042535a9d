package store

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/store/db"
)

// Abandon gives up every secret that does not open with keys, for good: access
// tokens end, webhooks are disabled and get other secrets, and the devices are
// forgotten, so that their accounts have to be paired again. It is for an
// installation whose key is lost, and no manager and no worker may run. It
// returns how many rows were given up, all of them or none.
func (s *Store) Abandon(ctx context.Context, keys Keys) (n int, err error) {
	ring := keys.Ring()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		q := s.q.WithTx(tx)
		for _, lost := range []func(context.Context, pgx.Tx, *db.Queries, *seal.Ring) (int, error){abandonSettings, abandonEndpoints, abandonDevices} {
			more, err := lost(ctx, tx, q, ring)
			if err != nil {
				return err
			}
			n += more
		}
		return q.DeleteSeal(ctx)
	})
	return n, failure("store.Abandon", err)
}

func abandonSettings(ctx context.Context, _ pgx.Tx, q *db.Queries, ring *seal.Ring) (n int, err error) {
	rows, err := q.Settings(ctx)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if _, err := openSetting(ring, row.Key, row.Value); err == nil || errors.Is(err, seal.ErrOpen) {
			continue
		}
		if err := q.DeleteSetting(ctx, row.Key); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func abandonEndpoints(ctx context.Context, _ pgx.Tx, q *db.Queries, ring *seal.Ring) (n int, err error) {
	box := ring.Webhooks()
	for after := ""; ; {
		rows, err := q.EndpointSecrets(ctx, after)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		for _, row := range rows {
			after = row.ID
			if _, _, _, err := box.Open(row.ID, row.InstanceID, row.Secret, row.Headers); err == nil {
				continue
			}
			fresh := make([]byte, 32)
			_, _ = rand.Read(fresh) // crypto/rand does not fail
			secret, headers := box.Seal(row.ID, row.InstanceID, fresh, []byte("{}"))
			err := q.ForgetEndpointSecret(ctx, db.ForgetEndpointSecretParams{ID: row.ID, Secret: secret, Headers: headers, LastError: "its secret was lost: renew it"})
			if err != nil {
				return n, err
			}
			n++
		}
	}
}

// abandonDevices deletes the keys of devices; the instances and what they have
// received stay.
func abandonDevices(ctx context.Context, tx pgx.Tx, _ *db.Queries, ring *seal.Ring) (n int, err error) {
	sealed, err := sealedDevices(ctx, tx)
	if err != nil {
		return 0, err
	}
	for jid, id := range sealed {
		if id == "" || ring.Has(id) {
			continue
		}
		for _, sql := range []string{
			"delete from whatsmeow.whatsmeow_privacy_tokens where our_jid = $1", // the one table without a reference
			"delete from whatsmeow.whatsmeow_device where jid = $1",
			"delete from devices where jid = $1",
			"update instances set device_jid = '' where device_jid = $1",
		} {
			if _, err := tx.Exec(ctx, sql, jid); err != nil {
				return n, err
			}
		}
		n++
	}
	return n, nil
}
