// Package keystore owns the schema of whatsmeow's tables: keys, Signal sessions and
// whatever else whatsmeow keeps of a device. Their form is decided by whatsmeow alone.
// They belong to the manager, which creates and upgrades them. The role of a worker may
// use them but not change their form, so a worker only checks that they are current.
//
// The manager links this package, so it must not import what needs libsignal. It must
// not know what the rows mean.
package keystore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
)

// Schema is the schema of the tables.
const Schema = "whatsmeow"

const upgradeLock = 0x77616d5f75706772 // "wam_upgr", of pg_advisory_lock

// SearchPath makes connections find whatsmeow's tables first, and ours behind them.
func SearchPath(cfg *pgxpool.Config) {
	path := cfg.ConnConfig.RuntimeParams["search_path"]
	if path == "" {
		path = "public"
	}
	cfg.ConnConfig.RuntimeParams["search_path"] = Schema + "," + path
}

// ErrTooOld says that the tables are missing, or too old for this build: no manager of
// this build has opened the database yet.
var ErrTooOld = errors.New("whatsmeow's tables are older than this build needs: the manager has to be of this build, too")

// Create makes the tables of the database current, as their owner. Two processes that do
// so at the same time wait for each other. When there is nothing to do, no lock is taken.
func Create(ctx context.Context, url string) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errors.New("parse database url: not a valid Postgres URL") // the cause quotes the password
	}
	SearchPath(cfg)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer pool.Close()
	if err := Check(ctx, pool); !errors.Is(err, ErrTooOld) {
		return err
	}
	lib := stdlib.OpenDBFromPool(pool)
	defer lib.Close()
	db, err := schemaIn(lib, "postgres")
	if err != nil {
		return err
	}
	return upgrade(ctx, pool, db)
}

// CreateIn makes whatsmeow's tables, or makes them current, in a database that nobody else
// uses meanwhile, such as a new file. The dialect is sqlite3 or postgres.
func CreateIn(ctx context.Context, lib *sql.DB, dialect string) error {
	db, err := schemaIn(lib, dialect)
	if err == nil {
		err = db.Upgrade(ctx)
	}
	if err != nil {
		return fmt.Errorf("make whatsmeow's tables: %w", err)
	}
	return nil
}

// schemaIn does as whatsmeow's own store does, but without linking the store: it needs a
// library for Signal under the GPL, and the manager links this package.
func schemaIn(lib *sql.DB, dialect string) (*dbutil.Database, error) {
	db, err := dbutil.NewWithDB(lib, dialect)
	if err != nil {
		return nil, fmt.Errorf("open whatsmeow's schema: %w", err)
	}
	db.UpgradeTable, db.VersionTable = upgrades.Table, "whatsmeow_version"
	return db, nil
}

// Check returns nil when the tables are current, and ErrTooOld when they are
// not. The pool's connections need SearchPath.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	var version int
	err := pool.QueryRow(ctx, "select version from "+Schema+".whatsmeow_version").Scan(&version)
	if err == nil && version >= len(upgrades.Table) {
		return nil
	}
	var pgErr *pgconn.PgError
	if err != nil && !errors.Is(err, pgx.ErrNoRows) && !(errors.As(err, &pgErr) && pgErr.Code[:2] == "42") {
		return fmt.Errorf("read whatsmeow's schema version: %w", err)
	}
	return ErrTooOld
}

func upgrade(ctx context.Context, pool *pgxpool.Pool, db *dbutil.Database) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("upgrade whatsmeow's schema: %w", err)
	}
	defer conn.Release()
	if _, err = conn.Exec(ctx, "select pg_advisory_lock($1)", int64(upgradeLock)); err != nil {
		return fmt.Errorf("lock whatsmeow's schema: %w", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(upgradeLock))
	}()
	if _, err = conn.Exec(ctx, "create schema if not exists "+Schema); err != nil {
		return fmt.Errorf("create whatsmeow's schema: %w", err)
	}
	if err = db.Upgrade(ctx); err != nil {
		return fmt.Errorf("upgrade whatsmeow's schema: %w", err)
	}
	return nil
}
