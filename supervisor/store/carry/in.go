package carry

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/sqlstore"
	"whatsapp-manager/supervisor/store"
)

// librarySchema holds whatsmeow's tables, see worker/keystore.
const librarySchema = "whatsmeow"

// In makes a new instance of the account, with its first key, or changes nothing. The
// account comes in parts: first has the device, rest the others, and may be nil; see
// moving.Account.Parts. Conflict with Code already_here when the account's device is an
// instance's already, Invalid or TooLarge when the account is not whole or too large; an
// error of rest as it is. The secrets are sealed in place: the caller must not use the
// parts afterwards. from names the form that the account came in, for the record.
func In(ctx context.Context, st *store.Store, in store.Instance, key store.APIKey, first *moving.Account, rest iter.Seq2[*moving.Account, error], from string) error {
	const op = "carry.In"
	if err := first.Check(); err != nil {
		return err
	}
	err := st.CreateInstanceWith(ctx, in, key, func(tx store.Tx) error {
		a := &arrival{tx: tx, instance: string(in.ID), device: first.Device.JID, people: newPeople()}
		if ring := st.Ring(); ring != nil {
			a.sealer = ring.Instance(a.instance).Device(a.device)
		}
		if err := makeRoom(ctx, tx, a.device); err != nil {
			return err
		}
		if err := a.whole(ctx, first, rest); err != nil {
			return unfit(err)
		}
		// From here on the rows of whatsmeow's tables are this instance's worker's, unless
		// the device is paired elsewhere before WhatsApp has let it in here.
		if _, err := tx.Exec(ctx, "insert into devices (instance_id, jid, proven) values ($1, $2, false)", a.instance, a.device); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update instances set device_jid = $2 where id = $1", a.instance, a.device); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "insert into audit_log (at, action, target, detail) values ($1, 'instance.import', $2, jsonb_build_object('from', $3::text))",
			time.Now().UTC(), a.instance, from)
		return err
	})
	return store.Failure(op, err)
}

// arrival is an account on its way into the tables.
type arrival struct {
	tx       store.Tx
	instance string
	device   string
	sealer   *seal.Device // nil: nothing is sealed
	tally    moving.Tally
	people   *people
}

func (a *arrival) whole(ctx context.Context, first *moving.Account, rest iter.Seq2[*moving.Account, error]) error {
	if err := a.part(ctx, first, true); err != nil {
		return err
	}
	if rest == nil {
		return nil
	}
	for part, err := range rest {
		if err == nil {
			err = part.CheckPart()
		}
		if err == nil {
			err = a.part(ctx, part, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *arrival) part(ctx context.Context, part *moving.Account, first bool) error {
	if err := a.tally.Add(part); err != nil {
		return err
	}
	ours := a.people.of(part)
	if a.sealer != nil {
		if first {
			sealedDevice(&part.Device, a.sealer)
		}
		sealed(part, a.sealer)
	}
	put := func(r sqlstore.Rows) error {
		_, err := a.tx.CopyFrom(ctx, pgx.Identifier{librarySchema, r.Table}, r.Columns, pgx.CopyFromRows(r.Values))
		return err
	}
	var err error
	if first {
		err = sqlstore.Write(part, put)
	} else {
		err = sqlstore.WriteMore(a.device, part, put)
	}
	if err != nil {
		return err
	}
	return ours.write(ctx, a.tx, a.instance)
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

// unfit says of which table a value did not fit, and keeps the value out of the error:
// Postgres' own texts quote it.
func unfit(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && (pg.Code[:2] == "22" || pg.Code[:2] == "23") {
		return moving.Unreadable("a value of %s is not one that belongs there, or is there twice", strings.TrimPrefix(pg.TableName, "whatsmeow_"))
	}
	return err
}
