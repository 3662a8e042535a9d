// Package migrations holds the schema of all our tables and brings databases
// up to it. whatsmeow's tables are not here: its own store migrates them.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx", the only kind goose takes
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// Seconds between two looks at the lock, and how often: a second manager waits
// up to ten minutes for the first one's migration.
const (
	lockPeriod = 1
	lockTries  = 600
)

// Up applies the migrations that the database has not seen yet, each in a
// transaction. Managers that start at the same moment do it one after another,
// held apart by an advisory lock of the session.
func Up(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriod, lockTries))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithGoMigrations(river()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("apply migrations: %w", err)
	}
	return nil
}

// Versions returns the schema's version that the database has, and the one that
// Up brings it to. Nothing is changed.
func Versions(ctx context.Context, pool *pgxpool.Pool) (has, newest int64, err error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return 0, 0, fmt.Errorf("read migrations: %w", err)
	}
	newest = riverMigration
	for _, f := range names {
		number, _, _ := strings.Cut(f.Name(), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read migrations: %w", err)
		}
		newest = max(newest, n)
	}
	if err := pool.QueryRow(ctx, "select max(version_id) from goose_db_version where is_applied").Scan(&has); err != nil {
		return 0, newest, fmt.Errorf("read schema version: %w", err)
	}
	return has, newest, nil
}

// River's tables at the version that the pinned River needs. A River that needs
// more gets a migration of its own.
const (
	riverMigration = 5
	riverTables    = 8
)

// river brings River's tables as one of our migrations, so that they come under
// the same lock and in the same order. Not in one transaction: a value added to
// an enum can be used after its commit only. River knows how far it came.
func river() *goose.Migration {
	to := func(direction rivermigrate.Direction, version int) func(context.Context, *sql.DB) error {
		return func(ctx context.Context, db *sql.DB) error {
			m, err := rivermigrate.New(riverdatabasesql.New(db), nil)
			if err != nil {
				return err
			}
			_, err = m.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: version})
			return err
		}
	}
	return goose.NewGoMigration(riverMigration,
		&goose.GoFunc{RunDB: to(rivermigrate.DirectionUp, riverTables)},
		&goose.GoFunc{RunDB: to(rivermigrate.DirectionDown, -1)})
}
