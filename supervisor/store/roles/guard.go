package roles

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
)

const (
	guardInterval = 30 * time.Second
	// Whoever may delete rows may lock the table, against everybody: Postgres
	// has no right of its own for that. No worker of ours does.
	lockInterval = 2 * time.Second
	// longest is how long a worker's transaction may take: a worker can lift the
	// limit of its statements, and an open transaction keeps dead rows of everybody.
	longest = 5 * time.Minute
)

// Guard ends what workers' roles do for too long or to everybody, and removes roles that were
// left over: of deleted instances, of former generations, of probes.
type Guard struct {
	roles   *Roles
	pool    *pgxpool.Pool
	log     zerolog.Logger
	longest time.Duration
}

// NewGuard returns a guard that works on the pool, which stays the caller's.
func NewGuard(r *Roles, pool *pgxpool.Pool, log zerolog.Logger) *Guard {
	return &Guard{roles: r, pool: pool, log: log, longest: longest}
}

// Run looks until ctx ends: every two seconds for locks, every half a minute for
// the rest.
func (g *Guard) Run(ctx context.Context) error {
	if g.roles == nil || g.roles.state.Isolation != PerInstance {
		return nil
	}
	tick, locks := time.NewTicker(guardInterval), time.NewTicker(lockInterval)
	defer tick.Stop()
	defer locks.Stop()
	for {
		g.look(ctx)
		for looked := false; !looked; {
			select {
			case <-ctx.Done():
				return nil
			case <-locks.C:
				g.lookAtLocks(ctx)
			case <-tick.C:
				looked = true
			}
		}
	}
}

// lookAtLocks ends the role of a worker that has locked a table: it is not what
// we made it, and would do it again. Its instance gets another worker.
func (g *Guard) lookAtLocks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, guardInterval)
	defer cancel()
	rows, err := g.pool.Query(ctx, `select distinct a.usename::text from pg_locks l join pg_stat_activity a on a.pid = l.pid
		where l.locktype = 'relation' and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
			and starts_with(a.usename::text, $1)`, g.roles.prefix)
	if err != nil {
		return // the database is away, which others tell
	}
	locking, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return
	}
	for _, role := range locking {
		instance, _, ok := g.roles.generationOf(role)
		if !ok {
			continue
		}
		g.log.Error().Str("instance", instance).Str("role", role).Msg("a worker locked a table for everybody; its role in the database has ended")
		if err := g.roles.endAll(ctx, g.pool, instance, []string{role}); err != nil {
			g.log.Error().Err(err).Str("role", role).Msg("the role is left")
		}
	}
}

func (g *Guard) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, guardInterval)
	defer cancel()
	ended, err := g.endLong(ctx)
	if err == nil {
		err = g.tidy(ctx)
	}
	for _, role := range ended {
		g.log.Warn().Str("role", role).Dur("longer_than", g.longest).Msg("ended a worker's transaction in the database")
	}
	if err != nil && ctx.Err() == nil {
		g.log.Warn().Err(err).Msg("roles of workers could not be looked after")
	}
}

// endLong ends the sessions whose transaction takes too long.
func (g *Guard) endLong(ctx context.Context) ([]string, error) {
	// In the list of what is selected, where it is called for those that fit alone.
	rows, err := g.pool.Query(ctx, `select usename::text, pg_terminate_backend(pid) from pg_stat_activity
		where starts_with(usename::text, $1) and xact_start < clock_timestamp() - $2::interval`, g.roles.prefix, g.longest)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (role string, err error) {
		var ended bool
		err = row.Scan(&role, &ended)
		return role, err
	})
}

// tidy ends roles that are no instance's present generation. One that is being
// made is not seen before its generation is.
func (g *Guard) tidy(ctx context.Context) error {
	rows, err := g.pool.Query(ctx, `select rolname::text from pg_roles r
		where r.rolname >= $1::name and r.rolname < $2::name and r.rolname <> $3
			and not exists (select from instances i where r.rolname = $1 || i.id || '_' || i.generation)
			and (r.rolvaliduntil is null or r.rolvaliduntil < now())`, // a probe may be under way
		g.roles.prefix, strings.TrimSuffix(g.roles.prefix, "_")+"`", g.roles.group)
	if err != nil {
		return err
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, role := range left {
		instance, _, ok := g.roles.generationOf(role)
		if !ok {
			continue // no worker's
		}
		if err := g.roles.endAll(ctx, g.pool, instance, []string{role}); err != nil {
			return err
		}
	}
	return nil
}
