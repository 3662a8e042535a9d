package roles

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/pgscram"
)

const (
	// A worker holds two connections, and may have lost sight of as many.
	connectionLimit = 5
	// A statement of a worker takes milliseconds; it may lift the limit itself,
	// and then Guard ends it.
	statementTime = "2min"
	endTime       = 10 * time.Second // for the sessions of a role
	endInterval   = 5 * time.Millisecond
)

// Conn is what runs statements: a connection, a pool or a transaction.
type Conn interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Pool is a Conn that begins transactions.
type Pool interface {
	Conn
	Begin(ctx context.Context) (pgx.Tx, error)
}

// AnyGeneration is above every generation.
const AnyGeneration = math.MaxInt64

// login names the role of a worker: wam_<database>_<instance>_<generation>.
// Policies cut the instance out of it, by its place.
func (r *Roles) login(instance string, generation uint64) string {
	return r.prefix + instance + "_" + strconv.FormatUint(generation, 10)
}

// generationOf reads a role's name; ok is false for roles of others.
func (r *Roles) generationOf(role string) (instance string, generation uint64, ok bool) {
	rest, ours := strings.CutPrefix(role, r.prefix)
	instance, number, cut := strings.Cut(rest, "_")
	generation, err := strconv.ParseUint(number, 10, 63)
	return instance, generation, ours && cut && err == nil && len(instance) == 12
}

// urlOf is the manager's URL for another role.
func (r *Roles) urlOf(role, password string) string {
	u := *r.url
	u.User = url.UserPassword(role, password)
	q := u.Query()
	q.Del("user")
	q.Del("password")
	u.RawQuery = q.Encode()
	return u.String()
}

// Admit makes, in the transaction that raises an instance's generation, the
// role of the worker that is to be started, and bars the former ones. It
// returns the URL by which the worker gets in, with its password. The instance
// belongs to the transaction. When it is committed, and before the worker is
// started, End ends what the former ones still do.
func (r *Roles) Admit(ctx context.Context, tx pgx.Tx, instance string, generation uint64) (databaseURL string, err error) {
	switch r.state.Isolation {
	case Shared:
		return r.shared, nil
	case None:
		return r.url.String(), nil
	}
	former, err := r.of(ctx, tx, instance, generation-1)
	if err != nil {
		return "", err
	}
	if err := bar(ctx, tx, former); err != nil {
		return "", err
	}
	role, password := r.login(instance, generation), pgscram.Secret()
	if err := r.create(ctx, tx, role, password); err != nil {
		return "", fmt.Errorf("make role of worker: %w", err)
	}
	return r.urlOf(role, password), nil
}

// create makes a role for a worker. The manager is a member of it, without
// which it may not end its sessions.
func (r *Roles) create(ctx context.Context, conn Conn, role, password string) error {
	verifier, err := pgscram.Verifier(password)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`create role %[1]s login connection limit %[2]d password '%[3]s' in role %[4]s;
		grant %[1]s to current_user;
		alter role %[1]s set statement_timeout = '%[5]s';
		alter role %[1]s set idle_in_transaction_session_timeout = '%[5]s'`, role, connectionLimit, verifier, r.group, statementTime))
	return err
}

// of returns the roles of an instance up to a generation.
func (r *Roles) of(ctx context.Context, conn Conn, instance string, upTo uint64) (roles []string, err error) {
	from := r.prefix + instance + "_"
	to := r.prefix + instance + "`" // the character behind _
	rows, err := conn.Query(ctx, "select rolname::text from pg_roles where rolname >= $1::name and rolname < $2::name", from, to)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, role := range all {
		if _, generation, ok := r.generationOf(role); ok && generation <= upTo {
			roles = append(roles, role)
		}
	}
	return roles, err
}

// bar lets nobody in as these roles any more. The roles' instance is locked.
func bar(ctx context.Context, tx pgx.Tx, roles []string) error {
	for _, role := range roles {
		var there bool
		if err := tx.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1 and rolcanlogin)", role).Scan(&there); err != nil {
			return err
		}
		if !there {
			continue
		}
		if _, err := tx.Exec(ctx, "alter role "+role+" nologin password null"); err != nil {
			return fmt.Errorf("bar role of worker: %w", err)
		}
	}
	return nil
}

// End ends all roles of an instance up to a generation: nobody gets in as one
// of them, and when it returns nil, nobody is in.
func (r *Roles) End(ctx context.Context, pool Pool, instance string, upTo uint64) error {
	if r.state.Isolation != PerInstance {
		return nil
	}
	roles, err := r.of(ctx, pool, instance, upTo)
	if err != nil {
		return err
	}
	return r.endAll(ctx, pool, instance, roles)
}

func (r *Roles) endAll(ctx context.Context, pool Pool, instance string, roles []string) error {
	if len(roles) == 0 {
		return nil
	}
	err := whileAlone(ctx, pool, instance, func(tx pgx.Tx) error { return bar(ctx, tx, roles) })
	if err != nil {
		return err
	}
	if err := endSessions(ctx, pool, roles); err != nil {
		return err
	}
	for _, role := range roles {
		err := whileAlone(ctx, pool, instance, func(tx pgx.Tx) error { return r.drop(ctx, tx, role) })
		if err != nil {
			return err
		}
	}
	return nil
}

// whileAlone runs do in a transaction while nobody else changes the roles of
// the instance: Postgres refuses to change one that somebody else changes.
// There may be no such instance any more.
func whileAlone(ctx context.Context, pool Pool, instance string, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select from instances where id = $1 for no key update", instance); err != nil {
			return err
		}
		return do(tx)
	})
	if again(err) { // without an instance: somebody else is at it
		return nil
	}
	return err
}

// endSessions ends the sessions of roles and waits until they are gone. What
// they had begun is rolled back.
func endSessions(ctx context.Context, conn Conn, roles []string) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	tick := time.NewTicker(endInterval)
	defer tick.Stop()
	for {
		var left int
		err := conn.QueryRow(ctx, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = any($1::name[])", roles).Scan(&left)
		if err != nil {
			return fmt.Errorf("end sessions of a former worker: %w", err)
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end sessions of a former worker: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// drop takes a role's rights and then the role, with what it may have made. A
// session that had come in just before it was barred, and was seen by nobody,
// can do nothing after it.
func (r *Roles) drop(ctx context.Context, conn Conn, role string) error {
	var there, owns bool
	err := conn.QueryRow(ctx, `select true, exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = r.oid)
		from pg_roles r where rolname = $1`, role).Scan(&there, &owns)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	statement := "revoke " + r.group + " from " + role
	if !owns {
		statement = "drop role " + role // its membership goes with it
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("drop role of a former worker: %w", err)
	}
	if owns { // where the owner of the server lets it make something
		if _, err := conn.Exec(ctx, "drop owned by "+role); err != nil {
			return fmt.Errorf("drop what a former worker made: %w", err)
		}
	}
	return nil
}

// Admitted returns the roles that can log in, as a set of names that Login
// gives; nil when workers have no roles of their own.
func (r *Roles) Admitted(ctx context.Context, conn Conn) (map[string]bool, error) {
	if r.state.Isolation != PerInstance {
		return nil, nil
	}
	rows, err := conn.Query(ctx, "select rolname::text from pg_roles where rolcanlogin and rolname >= $1::name and rolname < $2::name", r.prefix, strings.TrimSuffix(r.prefix, "_")+"`")
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set, nil
}

// Login names the role of a generation of an instance.
func (r *Roles) Login(instance string, generation uint64) string {
	return r.login(instance, generation)
}
