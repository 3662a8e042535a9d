package archive

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Summary is what a file holds.
type Summary struct {
	Header
	Rows map[string]int64 // by table
}

// Export writes an instance as it is at one moment. desired is what its owner
// wanted before a move began; for a copy it is not asked for. out is not closed,
// and holds nothing of use after an error. NotFound when there is no such
// instance, Invalid when the passphrase is too short.
func Export(ctx context.Context, st *store.Store, out io.Writer, passphrase string, id supervisor.ID, kind Kind, desired supervisor.Desired) (Summary, error) {
	const op = "archive.Export"
	if len(passphrase) < MinPassphrase {
		return Summary{}, fault.Bad(op, "passphrase", "the passphrase is shorter than %d characters", MinPassphrase)
	}
	return export(ctx, st, out, passphrase, workFactor, id, kind, desired)
}

func export(ctx context.Context, st *store.Store, out io.Writer, passphrase string, factor int, id supervisor.ID, kind Kind, desired supervisor.Desired) (sum Summary, err error) {
	const op = "archive.Export"
	err = pgx.BeginTxFunc(ctx, st.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := plain(ctx, tx); err != nil {
			return err
		}
		if sum.Header, err = describe(ctx, tx, id, kind, desired); err != nil {
			return err
		}
		encrypted, err := seal(out, passphrase, factor)
		if err != nil {
			return err
		}
		if sum.Rows, err = write(ctx, tx, encrypted, sum.Header, newVault(st.Ring(), sum.Header).out()); err != nil {
			return err
		}
		return encrypted.Close()
	})
	return sum, failed(op, err)
}

// describe makes the header of an instance as the transaction sees it.
func describe(ctx context.Context, tx pgx.Tx, id supervisor.ID, kind Kind, desired supervisor.Desired) (Header, error) {
	const op = "archive.Export"
	here, err := versionsOf(ctx, tx)
	if err != nil {
		return Header{}, err
	}
	h := Header{Format: Format, Kind: kind, Made: time.Now().UTC(), Schema: here.schema, Library: here.library, Instance: id, Desired: desired}
	if kind == Copy {
		h.Desired = supervisor.Stop
	}
	err = tx.QueryRow(ctx, `select i.device_jid, i.name, u.email from instances i join users u on u.id = i.owner_id
		where i.id = $1 and i.deleted_at is null`, string(id)).Scan(&h.Device, &h.Name, &h.Owner)
	if err != nil {
		return h, err
	}
	if h.Device != "" {
		switch there, err := paired(ctx, tx, h.Device, here); {
		case err != nil:
			return h, err
		case !there: // recorded, but its pairing was never completed
			h.Device = ""
		}
	}
	return h, h.check(op, here)
}

func paired(ctx context.Context, tx pgx.Tx, device string, here versions) (there bool, err error) {
	if here.library == 0 { // no worker ever got as far as making the tables
		return false, nil
	}
	err = tx.QueryRow(ctx, "select exists (select from "+librarySchema+".whatsmeow_device where jid = $1)", device).Scan(&there)
	return there, err
}

func write(ctx context.Context, tx pgx.Tx, out io.Writer, h Header, open way) (map[string]int64, error) {
	f := newFramer(out)
	if err := f.document(frameHeader, h); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, t := range tables {
		if t.library && h.Device == "" {
			continue
		}
		columns, err := t.columns(ctx, tx)
		if err != nil {
			return nil, err
		}
		if err := f.document(frameTable, opening{Table: t.name, Columns: columns}); err != nil {
			return nil, err
		}
		query := "select " + quoted(columns) + " from " + t.qualified() + " where " + t.where
		if t.order != "" {
			query += " order by " + t.order
		}
		change, err := open.turn(t.name, columns)
		if err != nil {
			return nil, err
		}
		into := &turningWriter{out: f, columns: columns, turn: change}
		var rows io.Writer = f
		if change != nil {
			rows = into
		}
		tag, err := tx.Conn().PgConn().CopyTo(ctx, rows, "copy ("+h.literal(query)+") to stdout")
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.name, err)
		}
		count := tag.RowsAffected()
		if change != nil {
			count = into.rows
		}
		if err := f.flush(); err != nil {
			return nil, err
		}
		if err := f.document(frameClose, closing{Rows: count}); err != nil {
			return nil, err
		}
		counts[t.name] = count
	}
	return counts, f.frame(frameEnd, nil)
}
