package sealedstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"whatsapp-manager/proto/seal"
)

const page = 500 // rows of a table in memory at once

// reseal seals a device that is not sealed, or is sealed with an older key, in one
// transaction. Only the device's own worker may call it, because then nobody else writes
// these rows meanwhile.
func (c *Container) reseal(ctx context.Context, jid string, sealer *seal.Device) error {
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		r := resealing{tx: tx, jid: jid, sealer: sealer}
		if err := r.device(ctx); err != nil {
			return err
		}
		if err := r.preKeys(ctx); err != nil {
			return fmt.Errorf("seal pre keys: %w", err)
		}
		for _, column := range seal.Columns {
			if err := r.column(ctx, column); err != nil {
				return fmt.Errorf("seal %s: %w", column.Table, err)
			}
		}
		return nil
	})
}

type resealing struct {
	tx     pgx.Tx
	jid    string
	sealer *seal.Device
	from   string // the key that the device was sealed with; "" when it stood open
}

// device comes first: it locks the row, and finds the key of the device's other rows.
func (r *resealing) device(ctx context.Context) error {
	var noise, identity, signed, adv []byte
	var lid string
	err := r.tx.QueryRow(ctx, `select noise_key, identity_key, signed_pre_key, adv_key, coalesce(lid, '')
		from whatsmeow_device where jid = $1 for update`, r.jid).
		Scan(&noise, &identity, &signed, &adv, &lid)
	if err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	own := seal.DeviceKeys{Noise: [32]byte(noise), Identity: [32]byte(identity), SignedPreKey: [32]byte(signed), Adv: adv}
	if r.from, _ = seal.KeyOf(adv); r.from != "" {
		if own, err = r.sealer.OpenKeys(adv); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	zero := make([]byte, 32)
	_, err = r.tx.Exec(ctx, `update whatsmeow_device
		set noise_key = $2, identity_key = $2, signed_pre_key = $2, adv_key = $3, lid = $4 where jid = $1`,
		r.jid, zero, r.sealer.SealKeys(own), seal.MarkLID(seal.UnmarkLID(lid)))
	if err != nil {
		return fmt.Errorf("seal device: %w", err)
	}
	return nil
}

func (r *resealing) preKeys(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, "select key_id, key from whatsmeow_pre_keys where jid = $1", r.jid)
	if err != nil {
		return err
	}
	var id int32
	var kept []byte
	var updates pgx.Batch
	_, err = pgx.ForEachRow(rows, []any{&id, &kept}, func() error {
		key := [32]byte(kept)
		if r.from != "" {
			var ok bool
			if key, ok = r.sealer.OpenPreKey(r.from, uint32(id), key); !ok {
				return seal.ErrUnknown
			}
		}
		sealed := r.sealer.SealPreKey(uint32(id), key)
		updates.Queue("update whatsmeow_pre_keys set key = $3 where jid = $1 and key_id = $2", r.jid, id, sealed[:])
		return nil
	})
	if err != nil {
		return err
	}
	return r.tx.SendBatch(ctx, &updates).Close()
}

// column seals a column page by page: a cursor does not see the rows that change behind
// it.
func (r *resealing) column(ctx context.Context, c seal.Column) error {
	bind := "''::bytea"
	switch c.Bind {
	case "":
	case "ciphertext_hash":
		bind = c.Bind
	default:
		bind = "convert_to(" + c.Bind + ", 'UTF8')"
	}
	_, err := r.tx.Exec(ctx, fmt.Sprintf("declare standing no scroll cursor for select ctid, %s, %s from %s where %s = '%s' and %s is not null",
		c.Name, bind, c.Table, c.Owner, strings.ReplaceAll(r.jid, "'", "''"), c.Name)) // a cursor takes no parameters
	if err != nil {
		return err
	}
	for {
		// The cursor is another one each time, so the statement must not be cached.
		rows, err := r.tx.Query(ctx, fmt.Sprintf("fetch %d from standing", page), pgx.QueryExecModeDescribeExec)
		if err != nil {
			return err
		}
		var at pgtype.TID
		var kept, bound []byte
		var updates pgx.Batch
		tag, err := pgx.ForEachRow(rows, []any{&at, &kept, &bound}, func() error {
			value, ok := r.open(c, kept, bound)
			if !ok {
				return nil
			}
			sealed := r.sealer.Seal(c.Table, value, c.Bound(bound)...)
			updates.Queue(fmt.Sprintf("update %s set %s = $3 where ctid = $2 and %s = $1", c.Table, c.Name, c.Owner), r.jid, at, sealed)
			return nil
		})
		if err != nil {
			return err
		}
		if err := r.tx.SendBatch(ctx, &updates).Close(); err != nil {
			return err
		}
		if tag.RowsAffected() < page {
			_, err = r.tx.Exec(ctx, "close standing")
			return err
		}
	}
}

// open returns a value as whatsmeow knows it. A value that does not open stays as it is
// and does not count: a single damaged row must not keep an account from starting.
func (r *resealing) open(c seal.Column, kept, bound []byte) ([]byte, bool) {
	value, err := r.sealer.Open(c.Table, kept, c.Bound(bound)...)
	if r.from == "" && errors.Is(err, seal.ErrOpen) {
		return kept, true
	}
	return value, err == nil
}
