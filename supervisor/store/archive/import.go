package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Into says how an instance is taken in.
type Into struct {
	Owner   string             // e-mail address of its owner here; empty: that of its owner there
	Desired supervisor.Desired // what is wanted of it here; empty: what was wanted there
}

// Import takes in what Export wrote, all of it or nothing. whatsmeow's tables
// must be there. Conflict when the instance, its account or one of its keys is
// here already: nothing is ever overwritten. Invalid, with a Code, when the
// passphrase is wrong (wrong_passphrase), the file is damaged (damaged_file) or
// of a version that cannot be read (newer_file, older_file). NotFound when
// nobody here has the owner's address.
func Import(ctx context.Context, st *store.Store, in io.Reader, passphrase string, into Into) (sum Summary, err error) {
	const op = "archive.Import"
	file, err := unseal(in, passphrase)
	if err != nil {
		return sum, err
	}
	frames := newUnframer(file)
	if err := frames.document(frameHeader, &sum.Header); err != nil {
		return sum, failed(op, err)
	}
	err = pgx.BeginFunc(ctx, st.Pool(), func(tx pgx.Tx) error {
		if err := plain(ctx, tx); err != nil {
			return err
		}
		here, err := versionsOf(ctx, tx)
		if err != nil {
			return err
		}
		if err := sum.check(op, here); err != nil {
			return err
		}
		im := importer{tx: tx, header: sum.Header, frames: frames, counts: map[string]int64{}, seal: newVault(st.Ring(), sum.Header).in()}
		if err := im.makeRoom(ctx); err != nil {
			return err
		}
		if err := im.settle(ctx, into); err != nil {
			return err
		}
		if err := im.read(ctx); err != nil {
			return err
		}
		if err := frames.end(); err != nil {
			return err
		}
		sum.Rows, sum.Desired = im.counts, im.desired
		return im.finish(ctx)
	})
	return sum, failed(op, err)
}

// Verify reads a file to its end, as Import would, and changes nothing.
func Verify(in io.Reader, passphrase string) (sum Summary, err error) {
	const op = "archive.Verify"
	file, err := unseal(in, passphrase)
	if err != nil {
		return sum, err
	}
	frames := newUnframer(file)
	sum.Rows = map[string]int64{}
	if err := frames.document(frameHeader, &sum.Header); err != nil {
		return sum, failed(op, err)
	}
	for {
		kind, content, err := frames.next()
		switch {
		case err != nil:
			return sum, failed(op, err)
		case kind == frameEnd:
			return sum, failed(op, frames.end())
		case kind != frameTable:
			return sum, failed(op, damaged("part %q where a table belongs", kind))
		}
		open, err := openingOf(content)
		if err != nil {
			return sum, failed(op, err)
		}
		r := newRows(frames, "")
		var n lines
		if _, err := io.Copy(&n, r); err != nil {
			return sum, failed(op, err)
		}
		if int64(n) != r.count {
			return sum, failed(op, damaged("%s has %d rows and not %d", open.Table, n, r.count))
		}
		sum.Rows[open.Table] = r.count
	}
}

// lines counts what is written to it.
type lines int64

func (n *lines) Write(p []byte) (int, error) {
	*n += lines(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// importer takes in one file in one transaction.
type importer struct {
	tx      pgx.Tx
	header  Header
	frames  *unframer
	owner   string // user id
	desired supervisor.Desired
	counts  map[string]int64
	seal    way
}

// makeRoom refuses what is here already, and clears what an instance left that
// is not: whatsmeow's rows of a device outlive an instance that was deleted
// while it was offline.
func (im *importer) makeRoom(ctx context.Context) error {
	const op = "archive.Import"
	here := func(what, format string, args ...any) error {
		return &fault.Error{Kind: fault.Conflict, Op: op, Field: what, Code: "already_here", Msg: fmt.Sprintf(format, args...)}
	}
	var deleted, moved bool
	err := im.tx.QueryRow(ctx, "select deleted_at is not null, moved_at is not null from instances where id = $1", string(im.header.Instance)).Scan(&deleted, &moved)
	switch {
	case err == nil && deleted:
		return here("instance", "instance %s is being deleted here; try again when that has ended", im.header.Instance)
	case err == nil && moved:
		return here("instance", "instance %s was moved away from here, and what it left is still here; delete it first", im.header.Instance)
	case err == nil:
		return here("instance", "instance %s is here already", im.header.Instance)
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	if im.header.Device == "" {
		return nil
	}
	var other string
	err = im.tx.QueryRow(ctx, `select id from instances where device_jid = $1
		union select instance_id from devices where jid = $1 limit 1`, im.header.Device).Scan(&other)
	if err == nil {
		return here("device", "the account is here already, as instance %s", other)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	for _, t := range tables {
		key := ""
		for column, value := range t.set {
			if t.library && value == theDevice {
				key = column
			}
		}
		if key == "" {
			continue
		}
		if _, err := im.tx.Exec(ctx, "delete from "+t.qualified()+" where "+key+" = $1", im.header.Device); err != nil {
			return fmt.Errorf("clear %s: %w", t.name, err)
		}
	}
	return nil
}

// settle decides who owns the instance and what is wanted of it.
func (im *importer) settle(ctx context.Context, into Into) error {
	const op = "archive.Import"
	address := strings.ToLower(into.Owner)
	if address == "" {
		address = im.header.Owner
	}
	err := im.tx.QueryRow(ctx, "select id from users where email = $1", address).Scan(&im.owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return &fault.Error{Kind: fault.NotFound, Op: op, Field: "owner", Msg: fmt.Sprintf("there is no user %s here to own the instance; name another one", address)}
	}
	if im.desired = into.Desired; im.desired == "" {
		im.desired = im.header.Desired
	}
	if im.desired != supervisor.Run {
		im.desired = supervisor.Stop
	}
	return err
}

func (im *importer) read(ctx context.Context) error {
	for {
		kind, content, err := im.frames.next()
		switch {
		case err != nil:
			return err
		case kind == frameEnd:
			return im.whole()
		case kind != frameTable:
			return damaged("part %q where a table belongs", kind)
		}
		open, err := openingOf(content)
		if err != nil {
			return err
		}
		if err := im.take(ctx, open); err != nil {
			return err
		}
	}
}

// take writes the rows of a table.
func (im *importer) take(ctx context.Context, open opening) error {
	t, ok := tableNamed(open.Table)
	past, was := former[open.Table]
	_, again := im.counts[open.Table]
	if !ok && !was || again || t.library && im.header.Device == "" {
		return damaged("table %q does not belong there", open.Table)
	}
	known := past.columns
	if ok {
		var err error
		if known, err = t.columns(ctx, im.tx); err != nil {
			return err
		}
	}
	columns, prefix := []string{}, ""
	for column, value := range t.set {
		columns = append(columns, column)
		prefix += im.value(value) + "\t"
	}
	for i, column := range open.Columns {
		if !slices.Contains(known, column) || slices.Contains(open.Columns[:i], column) {
			return damaged("column %q of %s does not belong there", column, open.Table)
		}
		columns = append(columns, column)
	}
	list := quoted(columns)
	target, incoming, merge := t.qualified(), "", ""
	switch {
	case was:
		incoming = "create temporary table incoming (" + strings.Join(past.columns, " text, ") + " text) on commit drop"
		merge = past.take
	case t.merge != "":
		incoming = "create temporary table incoming on commit drop as select " + list + " from " + t.qualified() + " with no data"
		merge = "insert into " + t.qualified() + " (" + list + ") select " + list + " from pg_temp.incoming " + t.merge
	}
	if merge != "" {
		target = "pg_temp.incoming"
		if _, err := im.tx.Exec(ctx, incoming); err != nil {
			return fmt.Errorf("prepare %s: %w", open.Table, err)
		}
	}
	change, err := im.seal.turn(t.name, columns)
	if err != nil {
		return err
	}
	source := newRows(im.frames, prefix)
	var in io.Reader = source
	if change != nil {
		in = &turningReader{in: source, columns: columns, turn: change}
	}
	tag, err := im.tx.Conn().PgConn().CopyFrom(ctx, in, "copy "+target+" ("+list+") from stdin")
	switch {
	case source.err != nil:
		return source.err
	case err != nil:
		return fmt.Errorf("write %s: %w", open.Table, err)
	case !source.closed || tag.RowsAffected() != source.count:
		return damaged("%s has %d rows and not %d", open.Table, tag.RowsAffected(), source.count)
	}
	im.counts[open.Table] = source.count
	if merge == "" {
		return nil
	}
	for _, sql := range []string{im.header.literal(merge), "drop table pg_temp.incoming"} {
		if _, err := im.tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("write %s: %w", open.Table, err)
		}
	}
	return nil
}

// value is what stands for itself in COPY's text: ids and addresses of ours.
func (im *importer) value(what string) string {
	switch what {
	case theInstance:
		return string(im.header.Instance)
	case theDevice:
		return im.header.Device
	case theOwner:
		return im.owner
	default:
		return string(im.desired)
	}
}

func (im *importer) whole() error {
	for _, name := range []string{"instances", "feeds", "whatsmeow_device"} {
		t, _ := tableNamed(name)
		if t.library && im.header.Device == "" {
			continue
		}
		if im.counts[name] != 1 {
			return damaged("it has %d rows of %s", im.counts[name], name)
		}
	}
	return nil
}

// finish makes the next start's generation one that the feed takes, and keeps
// for the record what happened.
func (im *importer) finish(ctx context.Context) error {
	id := string(im.header.Instance)
	if _, err := im.tx.Exec(ctx, `update instances i set generation = greatest(i.generation, f.generation)
		from feeds f where i.id = $1 and f.instance_id = i.id`, id); err != nil {
		return err
	}
	if im.header.Device != "" {
		// From here on the rows of whatsmeow's tables are this instance's worker's, unless
		// the device is paired elsewhere before WhatsApp has let it in here.
		if _, err := im.tx.Exec(ctx, "insert into devices (instance_id, jid, proven) values ($1, $2, false)", id, im.header.Device); err != nil {
			return err
		}
	}
	_, err := im.tx.Exec(ctx, "insert into audit_log (at, action, target, detail) values ($1, 'instance.import', $2, jsonb_build_object('kind', $3::text, 'made', $4::timestamptz))",
		time.Now().UTC(), id, string(im.header.Kind), im.header.Made)
	return err
}
