package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
)

// The versions of whatsmeow's tables that are read. From 5 on addresses of devices are
// written as they are today. A later version is read when it is compatible with newest.
const (
	oldest = 5
	newest = 15
)

// Querier is what Read and Devices ask: a connection or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Dialect is what differs between databases.
type Dialect struct {
	columns string // lists the columns of the table $1
	place   string // where a row lies in its table; newer rows lie behind older ones
}

// Postgres finds the tables by the connection's search path.
var Postgres = Dialect{"select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped", "ctid"}

var sqlite = Dialect{"select name from pragma_table_info($1)", "rowid"}

// reader reads from one database. Its errors quote no value.
type reader struct {
	ctx  context.Context
	q    Querier
	d    Dialect
	left int // rows that may still be read
}

func newReader(ctx context.Context, q Querier, d Dialect) *reader {
	return &reader{ctx: ctx, q: q, d: d, left: moving.MaxRows}
}

// Devices lists the paired devices that the tables hold, at most a thousand.
func Devices(ctx context.Context, q Querier, d Dialect) ([]moving.Choice, error) {
	r := newReader(ctx, q, d)
	if err := r.version(); err != nil {
		return nil, err
	}
	var all []moving.Choice
	err := r.each("whatsmeow_device", "jid push_name", "order by jid limit 1000", nil, func(v values) {
		all = append(all, moving.Choice{Device: v.text(0), Name: v.text(1)})
	})
	return all, err
}

func (r *reader) version() error {
	version, compat, found := int64(0), int64(0), false
	err := r.each("whatsmeow_version", "version compat", "limit 1", nil, func(v values) {
		version, compat, found = v.number(0), v.number(1), true
	})
	if err != nil {
		return err
	}
	if compat == 0 {
		compat = version
	}
	switch {
	case !found:
		return moving.Unreadable("the database has no tables of whatsmeow's store (whatsmeow_version)")
	case version < oldest:
		return moving.Unreadable("whatsmeow's tables have version %d, and %d and later are read; start the former program once in a newer version", version, oldest)
	case version > newest && compat > newest:
		return moving.Unreadable("whatsmeow's tables have version %d, and this server knows %d; update this server first", version, newest)
	}
	return nil
}

// each calls take with the columns of each row. A table that is not there has no rows, a
// column that is not there is null.
func (r *reader) each(table, columns, rest string, args []any, take func(values)) error {
	there, err := r.columns(table)
	if err != nil || len(there) == 0 {
		return err
	}
	names := strings.Fields(columns)
	for i, name := range names {
		if !slices.Contains(there, name) {
			names[i] = "null"
		}
	}
	rows, err := r.q.QueryContext(r.ctx, "select "+strings.Join(names, ", ")+" from "+table+" "+rest, args...)
	if err != nil {
		return r.failed(table, err)
	}
	defer rows.Close()
	raw := make([]any, len(names))
	into := make([]any, len(names))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if r.left--; r.left < 0 {
			return moving.Unreadable("the account has more than %d entries", moving.MaxRows)
		}
		if err := rows.Scan(into...); err != nil {
			return r.failed(table, err)
		}
		v := values{raw: raw, wrong: new(int)}
		*v.wrong = -1
		take(v)
		if *v.wrong >= 0 {
			return moving.Unreadable("%s in %s is not of the right type, or too long", strings.Fields(columns)[*v.wrong], table)
		}
	}
	return r.failed(table, rows.Err())
}

func (r *reader) count(table, device string) (n int, err error) {
	rows, err := r.q.QueryContext(r.ctx, "select count(*) from "+table+" where our_jid = $1", device)
	if err != nil {
		return 0, r.failed(table, err)
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&n)
	}
	return n, r.failed(table, errors.Join(err, rows.Err()))
}

func (r *reader) columns(table string) ([]string, error) {
	rows, err := r.q.QueryContext(r.ctx, r.d.columns, table)
	if err != nil {
		return nil, r.failed(table, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, r.failed(table, err)
		}
		names = append(names, name)
	}
	return names, r.failed(table, rows.Err())
}

// failed says what a database's error means. Its text stays away: it may quote values.
func (r *reader) failed(table string, err error) error {
	switch {
	case err == nil:
		return nil
	case r.ctx.Err() != nil && errors.Is(r.ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.Deadline, "sqlstore", "reading the account took too long")
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	}
	return moving.Unreadable("%s cannot be read: the database is damaged, or the table is not whatsmeow's", table)
}

// values are those of a row. The first that has the wrong type is noted.
type values struct {
	raw   []any
	wrong *int
}

func (v values) bad(i int) {
	if *v.wrong < 0 {
		*v.wrong = i
	}
}

func (v values) text(i int) string {
	switch t := v.raw[i].(type) {
	case nil:
		return ""
	case string:
		if len(t) <= moving.MaxValue {
			return strings.Clone(t)
		}
	case []byte:
		if len(t) <= moving.MaxValue {
			return string(t)
		}
	}
	v.bad(i)
	return ""
}

func (v values) bytes(i int) []byte {
	switch t := v.raw[i].(type) {
	case nil:
		return nil
	case []byte:
		if len(t) <= moving.MaxValue {
			return append([]byte{}, t...)
		}
	}
	v.bad(i)
	return nil
}

func (v values) key(i int) (key [32]byte) {
	b := v.bytes(i)
	if len(b) != len(key) {
		v.bad(i)
		return key
	}
	return [32]byte(b)
}

func (v values) number(i int) int64 {
	switch t := v.raw[i].(type) {
	case nil:
		return 0
	case int64:
		return t
	case int32:
		return int64(t)
	case bool:
		if t {
			return 1
		}
		return 0
	}
	v.bad(i)
	return 0
}

// small is a number that fits 32 bits without a sign.
func (v values) small(i int) uint32 {
	n := v.number(i)
	if n < 0 || n > 1<<32-1 {
		v.bad(i)
	}
	return uint32(n)
}

func (v values) version(i int) uint64 {
	n := v.number(i)
	if n < 0 {
		v.bad(i)
	}
	return uint64(n)
}

// choose returns the device to read: the one that was named, or the only one there is.
func choose(all []moving.Choice, device string) (string, error) {
	switch {
	case len(all) == 0:
		return "", moving.Unreadable("the database holds no paired device")
	case device == "" && len(all) == 1:
		return all[0].Device, nil
	case device == "":
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.Device
		}
		return "", &fault.Error{
			Kind: fault.Invalid, Op: "sqlstore", Field: "device", Code: "several_devices",
			Msg: fmt.Sprintf("device: the database holds %d devices; name the one to take: %s", len(all), strings.Join(names[:min(len(names), 50)], ", ")),
		}
	}
	if !slices.ContainsFunc(all, func(c moving.Choice) bool { return c.Device == device }) {
		return "", &fault.Error{
			Kind: fault.Invalid, Op: "sqlstore", Field: "device", Code: "no_such_device",
			Msg: "device: the database holds no device of that address; it is written like 4915112345678:3@s.whatsapp.net",
		}
	}
	return device, nil
}

// ReadChosen reads the device that was named, or the only one there is. Invalid, with
// Field device, when there are several and none or another was named.
func ReadChosen(ctx context.Context, q Querier, d Dialect, device string) (*moving.Account, error) {
	all, err := Devices(ctx, q, d)
	if err != nil {
		return nil, err
	}
	if device, err = choose(all, device); err != nil {
		return nil, err
	}
	a, err := Read(ctx, q, d, device)
	if err == nil {
		a.SharedPairs = len(all) > 1
	}
	return a, err
}
