package carry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/sqlstore"
	"whatsapp-manager/supervisor/store"
)

// librarySchema holds whatsmeow's tables, see worker/keystore.
const librarySchema = "whatsmeow"

// In makes a new instance of the account, with its first key, or changes nothing. Conflict
// with Code already_here when the account's device is an instance's already, Invalid when
// the account is not whole. The account's secrets are sealed in place: the caller must not
// use it afterwards. from names the form that it came in, for the record.
func In(ctx context.Context, st *store.Store, in store.Instance, key store.APIKey, a *moving.Account, from string) error {
	const op = "carry.In"
	if err := a.Check(); err != nil {
		return err
	}
	device := a.Device.JID
	ours := peopleOf(a)
	if ring := st.Ring(); ring != nil {
		sealed(a, ring.Instance(string(in.ID)).Device(device))
	}
	err := st.CreateInstanceWith(ctx, in, key, func(tx store.Tx) error {
		if err := makeRoom(ctx, tx, device); err != nil {
			return err
		}
		if err := sqlstore.Write(a, func(r sqlstore.Rows) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{librarySchema, r.Table}, r.Columns, pgx.CopyFromRows(r.Values))
			return err
		}); err != nil {
			return err
		}
		if err := ours.write(ctx, tx, string(in.ID)); err != nil {
			return err
		}
		// From here on the rows of whatsmeow's tables are this instance's worker's, unless
		// the device is paired elsewhere before WhatsApp has let it in here.
		if _, err := tx.Exec(ctx, "insert into devices (instance_id, jid, proven) values ($1, $2, false)", string(in.ID), device); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update instances set device_jid = $2 where id = $1", string(in.ID), device); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "insert into audit_log (at, action, target, detail) values ($1, 'instance.import', $2, jsonb_build_object('from', $3::text))",
			time.Now().UTC(), string(in.ID), from)
		return err
	})
	return failed(op, err)
}

// makeRoom refuses a device that is here already, and clears what a deleted instance left.
func makeRoom(ctx context.Context, tx pgx.Tx, device string) error {
	var other string
	err := tx.QueryRow(ctx, `select id from instances where device_jid = $1
		union select instance_id from devices where jid = $1 limit 1`, device).Scan(&other)
	if err == nil {
		return &fault.Error{
			Kind: fault.Conflict, Op: "carry.In", Field: "device", Code: "already_here",
			Msg: "device: the account's device is linked to an instance of this server already; delete that instance first, or take another device",
		}
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	_, err = tx.Exec(ctx, "select forget_device($1)", device)
	return err
}

// failed keeps values out of errors: Postgres' own texts quote them.
func failed(op string, err error) error {
	var known *fault.Error
	var pg *pgconn.PgError
	if err != nil && !errors.As(err, &known) && errors.As(err, &pg) && (pg.Code[:2] == "22" || pg.Code[:2] == "23") {
		return moving.Unreadable("a value of %s is not one that belongs there", strings.TrimPrefix(pg.TableName, "whatsmeow_"))
	}
	return store.Failure(op, err)
}
