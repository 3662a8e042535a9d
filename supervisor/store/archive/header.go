package archive

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Format is the version of the file that this program writes, and the newest
// that it reads.
const Format = 1

// Kind says what an export is for.
type Kind string

// A Move is the account itself on its way: it does not run where it came from.
// A Copy is for the day the original is lost: two that run with the same keys
// throw each other out and lose messages.
const (
	Move Kind = "move"
	Copy Kind = "copy"
)

// Header is the first thing in a file.
type Header struct {
	Format   int                `json:"format"`
	Kind     Kind               `json:"kind"`
	Made     time.Time          `json:"made"`
	Schema   int64              `json:"schema"`  // of our tables
	Library  int                `json:"library"` // of whatsmeow's
	Instance supervisor.ID      `json:"instance"`
	Device   string             `json:"device"` // AD-JID; empty: not paired
	Name     string             `json:"name"`
	Owner    string             `json:"owner"` // e-mail address
	Desired  supervisor.Desired `json:"desired"`
}

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9]{12}$`)
	devicePattern = regexp.MustCompile(`^[0-9]{1,20}(?::([1-9][0-9]{0,4}))?@[a-z.]{1,30}$`)
)

// isDevice tells whether an address of a device is written in the one way in
// which the worker writes it, too. What reads as another's in a second way
// (a leading zero, a number that overflows) would be that other's keys.
func isDevice(address string) bool {
	parts := devicePattern.FindStringSubmatch(address)
	if parts == nil || parts[1] == "" {
		return parts != nil
	}
	_, err := strconv.ParseUint(parts[1], 10, 16)
	return err == nil
}

// check refuses what cannot be read here. What passes may stand between quotes in SQL.
func (h Header) check(op string, here versions) error {
	newer := func(what string, theirs, ours any) error {
		return &fault.Error{
			Kind: fault.Invalid, Op: op, Field: "file", Code: "newer_file",
			Msg: fmt.Sprintf("the file was made by a newer version: %s %v, and this one knows %v; update this server first", what, theirs, ours),
		}
	}
	switch {
	case h.Format < 1 || h.Schema < 1:
		return damaged("its header has no version")
	case h.Format > Format:
		return newer("format", h.Format, Format)
	case h.Schema > here.schema:
		return newer("schema", h.Schema, here.schema)
	case h.Device != "" && h.Library > here.library:
		return newer("whatsmeow's schema", h.Library, here.library)
	case h.Device != "" && h.Library < here.libraryFrom:
		return &fault.Error{
			Kind: fault.Invalid, Op: op, Field: "file", Code: "older_file",
			Msg: fmt.Sprintf("whatsmeow's schema %d in the file is too old for this version, which takes %d and later; update the server that it comes from", h.Library, here.libraryFrom),
		}
	case !idPattern.MatchString(string(h.Instance)), h.Device != "" && !isDevice(h.Device):
		return damaged("its header names no instance")
	case h.Kind != Move && h.Kind != Copy:
		return damaged("its header does not say whether it is a move or a copy")
	}
	return nil
}

// literal puts values into a query that takes no parameters, as COPY. They have
// passed check.
func (h Header) literal(sql string) string {
	return strings.NewReplacer(theInstance, "'"+string(h.Instance)+"'", theDevice, "'"+h.Device+"'").Replace(sql)
}

// versions are those of a database.
type versions struct {
	schema      int64
	library     int // 0: whatsmeow has no tables yet
	libraryFrom int // the oldest whose rows fit, as whatsmeow says
}

func versionsOf(ctx context.Context, tx pgx.Tx) (v versions, err error) {
	if err := tx.QueryRow(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&v.schema); err != nil {
		return v, err
	}
	var there bool
	if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", librarySchema+".whatsmeow_version").Scan(&there); err != nil || !there {
		return v, err
	}
	err = tx.QueryRow(ctx, "select version, coalesce(compat, version) from "+librarySchema+".whatsmeow_version").Scan(&v.library, &v.libraryFrom)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return v, err
}

// plain makes text that one server writes readable by every other.
func plain(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `set local client_encoding = 'UTF8'; set local datestyle = 'ISO, YMD'; set local timezone = 'UTC';
		set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex'; set local statement_timeout = 0`)
	return err
}

// columns are those of the table that are carried, or can be.
func (t table) columns(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `select attname from pg_attribute
		where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = '' order by attnum`, t.qualified())
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no table %s", t.name)
	}
	return slices.DeleteFunc(all, func(c string) bool {
		_, set := t.set[c]
		return set || slices.Contains(t.leave, c)
	}), err
}

func (t table) qualified() string {
	if t.library {
		return librarySchema + "." + t.name
	}
	return t.name
}

// quoted lists columns for SQL.
func quoted(columns []string) string {
	q := make([]string, len(columns))
	for i, c := range columns {
		q[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(q, ", ")
}

// failed makes faults of what goes wrong below. Postgres' own texts quote
// values, so only their codes stay.
func failed(op string, err error) error {
	var known *fault.Error
	var pg *pgconn.PgError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, errDamaged):
		return notWhole(op, err)
	case errors.As(err, &pg) && (pg.Code[:2] == "22" || pg.Code == "42703"): // a value, or a column that is not there
		return notWhole(op, fmt.Errorf("SQLSTATE %s on %s.%s", pg.Code, pg.TableName, pg.ColumnName))
	}
	return store.Failure(op, err)
}
