package carry

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/stdlib"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/sqlstore"
	"whatsapp-manager/supervisor/store"
)

// Out reads an instance's account, opened, as one snapshot. dropped is how many values did
// not open and are left out. Unpaired when the instance has no account.
func Out(ctx context.Context, st *store.Store, id supervisor.ID) (a *moving.Account, dropped int, err error) {
	const op = "carry.Out"
	lib := stdlib.OpenDBFromPool(st.Pool())
	tx, err := lib.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err == nil {
		a, dropped, err = out(ctx, tx, st.Ring(), string(id))
		err = errors.Join(err, tx.Rollback())
	}
	return a, dropped, store.Failure(op, errors.Join(err, lib.Close()))
}

func out(ctx context.Context, tx *sql.Tx, ring *seal.Ring, id string) (*moving.Account, int, error) {
	var device string
	err := tx.QueryRowContext(ctx, "select jid from devices where instance_id = $1 and jid is not null", id).Scan(&device)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, fault.New(fault.Unpaired, "carry.Out", "the instance has no WhatsApp account")
	}
	if err != nil {
		return nil, 0, err
	}
	own, err := pairsOf(ctx, tx, id)
	if err != nil {
		return nil, 0, err
	}
	if _, err := tx.ExecContext(ctx, "set local search_path = "+librarySchema); err != nil {
		return nil, 0, err
	}
	a, err := sqlstore.Read(ctx, tx, sqlstore.Postgres, device)
	if err != nil {
		return nil, 0, err
	}
	a.Pairs = own
	var sealer *seal.Device
	if ring != nil {
		sealer = ring.Instance(id).Device(device)
	}
	dropped, err := opened(a, sealer)
	return a, dropped, err
}

func pairsOf(ctx context.Context, tx *sql.Tx, id string) (all []moving.Pair, err error) {
	rows, err := tx.QueryContext(ctx, "select lid, pn from lid_pairs where instance_id = $1 and not hint", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p moving.Pair
		if err := rows.Scan(&p.LID, &p.PN); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}
