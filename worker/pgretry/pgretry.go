package pgretry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/worker/keystore"
)

// maxConnections is enough, because nobody waits for a second connection while
// holding one.
const (
	maxConnections = 2
	idleLimit      = 15 * time.Second
	healthPeriod   = 5 * time.Second
	connectTimeout = 5 * time.Second

	pauseFirst = 50 * time.Millisecond
	pauseLast  = 2 * time.Second
	callLimit  = 5 * time.Second // of statements whose caller waits with a deadline
)

// errBarred says that our role in the database has ended.
var errBarred = errors.New("the database lets this worker in no more")

// Settings are what a DB needs.
type Settings struct {
	URL string
	Log zerolog.Logger
	// OnOutage is called when the database goes away and when it is back, from any
	// goroutine, never twice in a row with the same value. It must not block.
	OnOutage func(away bool)
	// OnBarred is called with the reason when our role is let in no more, maybe often.
	OnBarred func(error)
}

// DB is the worker's one pool and its knowledge of whether Postgres is there. Idle
// connections are given back, so that hundreds of workers fit. It is safe for
// concurrent use.
type DB struct {
	// Pool is for statements of our own, which the caller repeats with
	// RetryUntilAvailable.
	Pool *pgxpool.Pool
	// Library is for whatsmeow: the same pool, with statements that wait by themselves.
	Library *sql.DB

	settings Settings
	ctx      context.Context // ends the probes
	mu       sync.Mutex
	away     bool // guarded by mu
	probes   sync.WaitGroup
}

// Open connects to nothing yet. whatsmeow's tables live in a schema of their own in
// front of the search path; ours are found behind it. The context ends the probes
// and the waiting of the pool, and comes to its end before Close.
func Open(ctx context.Context, s Settings) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(s.URL)
	if err != nil {
		return nil, errors.New("parse database url: not a valid Postgres URL") // the cause quotes the password
	}
	cfg.MaxConns, cfg.MinConns = maxConnections, 0
	cfg.MaxConnIdleTime, cfg.HealthCheckPeriod = idleLimit, healthPeriod
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	keystore.SearchPath(cfg)
	cfg.ConnConfig.RuntimeParams["application_name"] = "whatsapp-worker"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{Pool: pool, settings: s, ctx: ctx}
	db.Library = sql.OpenDB(&connector{db: db, inner: stdlib.GetPoolConnector(pool)})
	db.Library.SetMaxIdleConns(0)
	return db, nil
}

// Close waits for the probes, whose context must have ended, and for all connections.
func (db *DB) Close() {
	db.probes.Wait()
	_ = db.Library.Close()
	db.Pool.Close()
}

// Ports are those of the database's hosts that are reached by TCP.
func (db *DB) Ports() (ports []uint16) {
	add := func(host string, port uint16) {
		if !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") {
			ports = append(ports, port)
		}
	}
	conn := db.Pool.Config().ConnConfig
	add(conn.Host, conn.Port)
	for _, other := range conn.Fallbacks {
		add(other.Host, other.Port)
	}
	return ports
}

// RetryUntilAvailable runs fn until it succeeds, fails for another reason than an
// outage or a lack of resources, or ctx ends. A ctx with a deadline belongs to a
// caller who waits for an answer: then fn is repeated for a few seconds only. fn must
// be safe to repeat after an unknown outcome.
func (db *DB) RetryUntilAvailable(ctx context.Context, fn func() error) error {
	started := time.Now()
	_, hurried := ctx.Deadline()
	pause := backoff.New(pauseFirst, pauseLast)
	for first := true; ; first = false {
		err := fn()
		if !isOutage(err) && !isResourceExhausted(err) {
			return err
		}
		db.note(err)
		if first && isResourceExhausted(err) {
			db.settings.Log.Warn().Err(err).Msg("the database cannot do what it is asked for; trying again")
		}
		if hurried && time.Since(started) > callLimit {
			return err
		}
		if pause.Wait(ctx) != nil {
			return err
		}
	}
}

// note takes every failure that may be an outage. The first one starts a probe, which
// reports the database's return. A lack of resources is none: a probe would find that
// the database answers.
func (db *DB) note(err error) {
	if !isOutage(err) || db.ctx.Err() != nil {
		return
	}
	if isBarred(err) {
		db.settings.OnBarred(errBarred)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.away {
		return
	}
	db.away = true
	db.settings.Log.Warn().Err(err).Msg("database away")
	db.probes.Add(1)
	go db.probe()
	db.settings.OnOutage(true)
}

// probe waits until the database answers again, and reports that.
func (db *DB) probe() {
	defer db.probes.Done()
	for pause := backoff.New(pauseFirst, pauseLast); ; {
		if pause.Wait(db.ctx) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(db.ctx, connectTimeout)
		err := db.Pool.Ping(ctx)
		cancel()
		if err != nil {
			continue
		}
		db.mu.Lock()
		defer db.mu.Unlock()
		db.away = false
		db.settings.Log.Info().Msg("database back")
		db.settings.OnOutage(false)
		return
	}
}
