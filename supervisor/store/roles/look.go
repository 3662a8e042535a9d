package roles

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// Report is what Look finds.
type Report struct {
	State
	Arranged       bool     // what workers may do is as this build wants it; else the next start sees to it
	Elsewhere      []string // other databases of the server that workers' roles may connect to
	MaxConnections int
	Instances      int
	Version        string // of the server
}

// Look says what Arrange would find and has left, and changes nothing.
func Look(ctx context.Context, managerURL, workerURL string) (rep Report, err error) {
	u, err := url.Parse(managerURL)
	if err != nil {
		return rep, errors.New("read database url: it is no URL")
	}
	conn, err := pgx.Connect(ctx, managerURL)
	if err != nil {
		return rep, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r := &Roles{url: u, shared: workerURL}
	schema, _, err := r.detect(ctx, conn)
	if err != nil {
		return rep, fmt.Errorf("look at roles: %w", err)
	}
	err = conn.QueryRow(ctx, `select current_setting('server_version'), current_setting('max_connections')::int, (select count(*)::int from instances),
		coalesce((select array_agg(datname::text order by datname) from pg_database d
			where datallowconn and datname <> current_database() and exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) where grantee = 0 and privilege_type = 'CONNECT')), '{}')`).
		Scan(&rep.Version, &rep.MaxConnections, &rep.Instances, &rep.Elsewhere)
	if err != nil {
		return rep, fmt.Errorf("look at database: %w", err)
	}
	tables, err := tablesOf(ctx, conn, schema)
	if err != nil {
		return rep, fmt.Errorf("look at tables: %w", err)
	}
	made, err := r.made(ctx, conn)
	if err != nil {
		return rep, fmt.Errorf("look at roles: %w", err)
	}
	rep.Arranged = made == r.fingerprint(tables)
	if !rep.Arranged && r.state.Isolation == PerInstance {
		// Arrange tried, and a role that it made could not log in.
		r.fallBack("a role that the manager makes cannot log in, or the manager has not started yet")
		if made == r.fingerprint(tables) {
			rep.Arranged = true
		} else {
			r.state = State{Isolation: PerInstance, Superuser: r.state.Superuser}
		}
	}
	rep.State = r.state
	return rep, nil
}
