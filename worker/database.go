package worker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/mirror"
)

// maxConnections is enough because nobody waits for a second connection while it
// holds one. Only a transaction of
// whatsmeow's that decrypts waits for anything but Postgres: for the turn of
// somebody who may need a connection to end it. It is one at a time, but for one
// left over from an earlier connection to WhatsApp, and waits for turnTime at most.
const (
	maxConnections = 2
	connIdle       = 15 * time.Second
	connLook       = 5 * time.Second
	connectTimeout = 5 * time.Second
	librarySchema  = keystore.Schema
)

var (
	// errNoInstance says that our instance was deleted, or never existed.
	errNoInstance = errors.New("the database knows no such instance")
	// errBarred says that our role in the database has ended.
	errBarred = errors.New("the database lets this worker in no more")
	// errDeviceTaken says that another instance has the device.
	errDeviceTaken = errors.New("the device belongs to another instance")
)

// database is the worker's one pool and its knowledge of whether Postgres is
// there. Idle connections are given back, so that hundreds of workers fit.
type database struct {
	pool *pgxpool.Pool
	lib  *sql.DB // for whatsmeow: the same pool, with statements that wait
	log  zerolog.Logger

	// onChange hears that the database went away and that it is back, from any
	// goroutine, never twice in a row the same.
	onChange func(away bool)
	onBarred func(error) // hears that our role is let in no more, maybe often

	lost   atomic.Uint64
	mu     sync.Mutex
	away   bool
	probes sync.WaitGroup
	ctx    context.Context // ends the probes
}

// openDatabase connects to nothing yet. whatsmeow's tables live in a schema of
// their own in front of the search path; ours are found behind it.
func openDatabase(ctx context.Context, url string, log zerolog.Logger, onChange func(away bool), onBarred func(error)) (*database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("parse database url: not a valid Postgres URL") // the cause quotes the password
	}
	cfg.MaxConns, cfg.MinConns = maxConnections, 0
	cfg.MaxConnIdleTime, cfg.HealthCheckPeriod = connIdle, connLook
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	keystore.SearchPath(cfg)
	cfg.ConnConfig.RuntimeParams["application_name"] = "whatsapp-worker"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &database{pool: pool, log: log, onChange: onChange, onBarred: onBarred, ctx: ctx}
	db.lib = sql.OpenDB(&patientConnector{db: db, inner: poolConnector(pool)})
	db.lib.SetMaxIdleConns(0)
	return db, nil
}

// close waits for the probes, whose context must have ended, and for all connections.
func (db *database) close() {
	db.probes.Wait()
	_ = db.lib.Close()
	db.pool.Close()
}

// The instance's device is read and written through functions of the database:
// our role may see and change nothing else of the instance, and no device of
// another one.

// deviceJID returns the AD-JID of the instance's device, empty before its first
// pairing. Error: errNoInstance.
func (db *database) deviceJID(ctx context.Context, instance string) (types.JID, error) {
	var raw *string
	if err := db.pool.QueryRow(ctx, "select worker_device($1)", instance).Scan(&raw); err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if raw == nil {
		return types.EmptyJID, errNoInstance
	}
	if *raw == "" {
		return types.EmptyJID, nil
	}
	jid, err := types.ParseJID(*raw)
	if err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if jid.String() != *raw { // it would be another one's keys that are found under it
		return types.EmptyJID, errors.New("read device of instance: its address is not written as whatsmeow writes it")
	}
	return jid, nil
}

// claimDevice records the instance's device. A later worker is one that has
// claimed the feed: a generation that was only raised may never have run. Then
// nothing is written and the error is mirror.ErrFenced; errDeviceTaken when the
// device is another instance's.
func (db *database) claimDevice(ctx context.Context, instance string, generation uint64, jid types.JID) error {
	_, err := db.pool.Exec(ctx, "select claim_device($1, $2, $3)", instance, int64(generation), jid.String())
	switch sqlState(err) {
	case "":
	case "WM001":
		return mirror.ErrFenced
	case "WM004":
		return errDeviceTaken
	}
	if err != nil {
		return fmt.Errorf("record device of instance: %w", err)
	}
	return nil
}

// releaseDevice deletes the keys of the instance's device, after which it may
// be another one's.
func (db *database) releaseDevice(ctx context.Context, instance string, jid types.JID) error {
	if _, err := db.pool.Exec(ctx, "select release_device($1, $2)", instance, jid.String()); err != nil {
		return fmt.Errorf("remove device: %w", err)
	}
	return nil
}

// sqlState is Postgres' reason for an error, "" where it is not Postgres that refused.
func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}
