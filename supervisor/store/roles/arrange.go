package roles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/pgscram"
)

// Isolation says how far the database keeps workers apart.
type Isolation string

// The levels of isolation, the best first.
const (
	PerInstance Isolation = "instance" // a role for each worker, which sees its rows only
	Shared      Isolation = "shared"   // one role for all workers, which sees the rows of all accounts, and no users, keys and settings
	None        Isolation = "none"     // workers are the manager
)

// State is what people should know of the database's part in keeping accounts apart.
type State struct {
	Isolation Isolation
	Superuser bool   // the manager's role is one, and need not be
	Why       string // of an isolation below PerInstance
}

// Roles makes and ends the roles of workers. Safe for concurrent use.
type Roles struct {
	state  State
	url    *url.URL // the manager's
	shared string   // URL of the role that all workers share, or ""
	group  string   // of all workers' roles
	prefix string   // of their names
}

// State returns how far workers are kept apart.
func (r *Roles) State() State { return r.state }

const (
	lockTime   = "3s" // for a table that workers use
	arrangings = 10
)

// Arrange brings what workers may do in the database up to date, which has the
// tables of both schemas, and returns what makes their roles. managerURL is the
// owner of the tables. workerURL is of a role that the operator made for
// workers, for a Postgres that lets the manager make none; it may be empty.
// Managers may do it at the same time, and beside running workers.
func Arrange(ctx context.Context, managerURL, workerURL string) (*Roles, error) {
	u, err := url.Parse(managerURL)
	if err != nil {
		return nil, errors.New("read database url: it is no URL") // the cause quotes the password
	}
	conn, err := pgx.Connect(ctx, managerURL)
	if err != nil {
		return nil, fmt.Errorf("arrange roles: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r := &Roles{url: u, shared: workerURL}
	for try := 1; ; try++ {
		err = r.arrange(ctx, conn)
		if err == nil {
			return r, nil
		}
		if try == arrangings || !again(err) || ctx.Err() != nil {
			return nil, fmt.Errorf("arrange roles: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		}
	}
}

// again tells whether an arrangement failed because somebody else was at it, or
// at the tables.
func again(err error) bool {
	switch code(err) {
	case "XX000", "40P01", "55P03", "23505", "42710": // concurrently updated, deadlock, lock timeout, already made
		return true
	}
	return false
}

func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// detect finds out what the manager's role may do.
func (r *Roles) detect(ctx context.Context, conn *pgx.Conn) (schema, database string, err error) {
	var creates bool
	err = conn.QueryRow(ctx, `select current_schema(), current_database(), rolsuper, rolsuper or rolcreaterole, substr(md5(current_database()), 1, 8)
		from pg_roles where rolname = current_user`).Scan(&schema, &database, &r.state.Superuser, &creates, &r.prefix)
	r.group, r.prefix = "wam_"+r.prefix+"_workers", "wam_"+r.prefix+"_"
	r.state.Isolation, r.state.Why = PerInstance, ""
	if !creates {
		r.fallBack("the database's user may not create roles")
	}
	return schema, database, err
}

// made is the fingerprint of the last arrangement, "" before the first. It is
// noted at a table, and goes where the tables go.
func (r *Roles) made(ctx context.Context, conn *pgx.Conn) (made string, err error) {
	err = conn.QueryRow(ctx, "select coalesce(obj_description('devices'::regclass, 'pg_class'), '')").Scan(&made)
	return made, err
}

func (r *Roles) arrange(ctx context.Context, conn *pgx.Conn) error {
	schema, database, err := r.detect(ctx, conn)
	if err != nil {
		return err
	}
	tables, err := tablesOf(ctx, conn, schema)
	if err != nil {
		return err
	}
	// A worker of an earlier build noted its device at the instance only.
	_, err = conn.Exec(ctx, `insert into devices (instance_id, jid) select i.id, i.device_jid from instances i
		where i.device_jid <> '' and not exists (select from devices d where d.instance_id = i.id) on conflict do nothing`)
	if err != nil {
		return err
	}
	wanted := r.fingerprint(tables)
	made, err := r.made(ctx, conn)
	if err != nil {
		return err
	}
	if made == wanted {
		return nil
	}
	if r.state.Isolation == PerInstance {
		if err := r.makeGroup(ctx, conn, database); err != nil {
			return err
		}
		why, err := r.probe(ctx, conn)
		if err != nil {
			return err
		}
		if why != "" {
			r.fallBack(why)
			wanted = r.fingerprint(tables)
		}
	}
	if err := r.grant(ctx, conn, schema, database, tables); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "comment on table devices is '"+wanted+"'")
	return err
}

func (r *Roles) fallBack(why string) {
	r.state.Isolation, r.state.Why = None, why
	if r.shared != "" {
		r.state.Isolation = Shared
	}
}

// table is one of ours or of whatsmeow's, as the database has it.
type table struct {
	schema, name string
	decision
	ruler string // condition for rows, "" without one
}

func (t table) String() string { return pgx.Identifier{t.schema, t.name}.Sanitize() }

// tablesOf returns the tables of both schemas with their decisions; those that
// nobody decided on are closed.
func tablesOf(ctx context.Context, conn *pgx.Conn, schema string) ([]table, error) {
	rows, err := conn.Query(ctx, `select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f') order by n.nspname, c.relname`, []string{schema, LibrarySchema})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		err = row.Scan(&t.schema, &t.name)
		t.decision = ours[t.name]
		if t.schema == LibrarySchema {
			t.decision = library[t.name]
		}
		switch t.rows {
		case byOwner:
			t.ruler = t.column + " = " + mineCondition
		case byDevice:
			t.ruler = t.column + " = " + fmt.Sprintf(deviceCondition, pgx.Identifier{schema}.Sanitize())
		}
		return t, err
	})
}

// grantee is whom the tables are opened to; "" when to nobody.
func (r *Roles) grantee() string {
	switch r.state.Isolation {
	case PerInstance:
		return r.group
	case Shared:
		if conf, err := pgx.ParseConfig(r.shared); err == nil {
			return conf.User
		}
	}
	return ""
}

// fingerprint changes with everything that an arrangement depends on.
func (r *Roles) fingerprint(tables []table) string {
	sum := sha256.New()
	fmt.Fprintln(sum, 1, r.state.Isolation, r.grantee(), functions)
	for _, t := range tables {
		fmt.Fprintln(sum, t.String(), t.grants, t.ruler)
	}
	return string(r.state.Isolation) + " " + hex.EncodeToString(sum.Sum(nil))
}

func (r *Roles) makeGroup(ctx context.Context, conn *pgx.Conn, database string) error {
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", r.group).Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := conn.Exec(ctx, "create role "+r.group+" nologin"); err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, "grant connect on database "+pgx.Identifier{database}.Sanitize()+" to "+r.group)
	return err
}

// probe tries whether a role that was just made can log in: pg_hba.conf or a
// pooler in between may not know it. It returns why not.
func (r *Roles) probe(ctx context.Context, conn *pgx.Conn) (why string, err error) {
	role, password := r.login("probe0000000", rand.Uint64()>>1), pgscram.Secret()
	if err := r.create(ctx, conn, role, password); err != nil {
		if code(err) == "42501" {
			return "the database's user may not grant roles that it makes", nil
		}
		return "", err
	}
	defer func() { _ = r.drop(context.WithoutCancel(ctx), conn, role) }()
	// Guard removes it when we cannot.
	if _, err := conn.Exec(ctx, "alter role "+role+" valid until '"+time.Now().Add(time.Minute).UTC().Format(time.RFC3339)+"'"); err != nil {
		return "", err
	}
	as, err := pgx.Connect(ctx, r.urlOf(role, password))
	switch c := code(err); {
	case strings.HasPrefix(c, "28") || strings.HasPrefix(c, "08") || c == "42501":
		return "a role that was just made cannot log in (SQLSTATE " + c + "): pg_hba.conf, or a pooler in between, does not let it", nil
	case err != nil:
		return "", err
	}
	defer as.Close(context.WithoutCancel(ctx))
	var who string
	if err := as.QueryRow(ctx, "select session_user::text").Scan(&who); err != nil {
		return "", err
	}
	if who != role {
		return "whoever logs in becomes the same role: there is a pooler in between", nil
	}
	return "", nil
}

// grant opens the tables to workers as decided, one after the other, so that it
// never holds up a worker in one table while it waits for another one.
func (r *Roles) grant(ctx context.Context, conn *pgx.Conn, schema, database string, tables []table) error {
	if _, err := conn.Exec(ctx, "set lock_timeout = '"+lockTime+"'"); err != nil {
		return err
	}
	to := r.grantee()
	if to == "" {
		return nil // workers are the owner, whom no policy binds
	}
	to = pgx.Identifier{to}.Sanitize()
	for _, t := range tables {
		if err := r.grantTable(ctx, conn, t, to); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	here := pgx.Identifier{schema}.Sanitize()
	statements := []string{
		"grant usage on schema " + here + ", " + LibrarySchema + " to " + to,
		"revoke execute on all functions in schema " + here + " from public",
		"alter default privileges revoke execute on functions from public",
	}
	for _, f := range functions {
		statements = append(statements, "grant execute on function "+here+"."+f+" to "+to)
	}
	if err := run(ctx, conn, statements...); err != nil {
		return err
	}
	// Where the database is not the manager's, these are its owner's business.
	for _, sql := range []string{
		"revoke create on schema " + here + " from public",
		"revoke temporary on database " + pgx.Identifier{database}.Sanitize() + " from public",
	} {
		if err := run(ctx, conn, sql); err != nil && code(err) != "42501" {
			return err
		}
	}
	return nil
}

func (r *Roles) grantTable(ctx context.Context, conn *pgx.Conn, t table, to string) error {
	statements := []string{"revoke all on " + t.String() + " from public, " + to}
	if t.allows() {
		statements = append(statements, "grant "+t.grants+" on "+t.String()+" to "+to)
	}
	if t.ruler != "" {
		statements = append(statements,
			"alter table "+t.String()+" enable row level security",
			"drop policy if exists wam_worker on "+t.String(),
			"drop policy if exists wam_shared on "+t.String(),
			"create policy wam_worker on "+t.String()+" using ("+t.ruler+")")
		if r.state.Isolation == Shared {
			statements = append(statements, "create policy wam_shared on "+t.String()+" to "+to+" using (true)")
		}
	}
	return run(ctx, conn, statements...)
}

// run executes statements in one transaction.
func run(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, strings.Join(statements, ";\n"))
		return err
	})
}
