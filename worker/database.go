package worker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/mirror"
)

// maxConnections is enough because nobody waits for a second connection while it
// holds one but keystore.Prepare, which runs alone. Only a transaction of
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

// errNoInstance says that our instance was deleted, or never existed.
var errNoInstance = errors.New("the database knows no such instance")

// database is the worker's one pool and its knowledge of whether Postgres is
// there. Idle connections are given back, so that hundreds of workers fit.
type database struct {
	pool *pgxpool.Pool
	lib  *sql.DB // for whatsmeow: the same pool, with statements that wait
	log  zerolog.Logger

	// onChange hears that the database went away and that it is back, from any
	// goroutine, never twice in a row the same.
	onChange func(away bool)

	lost   atomic.Uint64
	mu     sync.Mutex
	away   bool
	probes sync.WaitGroup
	ctx    context.Context // ends the probes
}

// openDatabase connects to nothing yet. whatsmeow's tables live in a schema of
// their own in front of the search path; ours are found behind it.
func openDatabase(ctx context.Context, url string, log zerolog.Logger, onChange func(away bool)) (*database, error) {
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
	db := &database{pool: pool, log: log, onChange: onChange, ctx: ctx}
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

// deviceJID returns the AD-JID of the instance's device, empty before its first
// pairing. Error: errNoInstance.
func (db *database) deviceJID(ctx context.Context, instance string) (types.JID, error) {
	var raw string
	err := db.pool.QueryRow(ctx, "select device_jid from instances where id = $1 and deleted_at is null", instance).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return types.EmptyJID, errNoInstance
	}
	if err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if raw == "" {
		return types.EmptyJID, nil
	}
	jid, err := types.ParseJID(raw)
	if err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if jid.String() != raw { // it would be another one's keys that are found under it
		return types.EmptyJID, errors.New("read device of instance: its address is not written as whatsmeow writes it")
	}
	return jid, nil
}

// setDeviceJID records the instance's device. A later worker is one that has
// claimed the feed: a generation that was only raised may never have run. Then
// nothing is written and the error is mirror.ErrFenced.
func (db *database) setDeviceJID(ctx context.Context, instance string, generation uint64, jid types.JID) error {
	tag, err := db.pool.Exec(ctx, `update instances set device_jid = $3 where id = $1
		and not exists (select from feeds where instance_id = $1 and generation > $2)`, instance, int64(generation), jid.String())
	if err != nil {
		return fmt.Errorf("record device of instance: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return mirror.ErrFenced
	}
	return nil
}

// removeDevice deletes the keys of a device and forgets that it is the instance's.
func (db *database) removeDevice(ctx context.Context, instance string, jid types.JID) error {
	if _, err := db.pool.Exec(ctx, "delete from "+librarySchema+".whatsmeow_device where jid = $1", jid.String()); err != nil {
		return fmt.Errorf("delete device: %w", err)
	}
	if _, err := db.pool.Exec(ctx, "update instances set device_jid = '' where id = $1 and device_jid = $2", instance, jid.String()); err != nil {
		return fmt.Errorf("forget device: %w", err)
	}
	return nil
}
