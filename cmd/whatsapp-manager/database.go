package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/worker/keystore"
)

// database is the Postgres that everything uses: the operator's, or a private
// one that is kept alive.
type database struct {
	url   string
	roles *roles.Roles
	log   zerolog.Logger
	cfg   localpg.Config

	mu      sync.Mutex
	cluster *localpg.Cluster // nil for the operator's own Postgres
}

// openDatabase returns a database that answers and has this version's schema.
func openDatabase(ctx context.Context, c config, log zerolog.Logger) (*database, error) {
	db := &database{url: string(c.Data.DatabaseURL), log: log}
	if db.url == "" {
		db.cfg = localpg.Config{DataDir: filepath.Join(c.Data.DataDir, "postgres"), Log: log}
		cluster, err := localpg.Ensure(ctx, db.cfg)
		if err != nil {
			return nil, err
		}
		db.cluster, db.url = cluster, cluster.URL()
	}
	if err := db.prepare(ctx, c); err != nil {
		return nil, err
	}
	return db, nil
}

// prepare makes the schema current, ours and whatsmeow's, and who may do what
// in it.
func (db *database) prepare(ctx context.Context, c config) (err error) {
	if err := store.Migrate(ctx, db.url); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	if err := keystore.Create(ctx, db.url); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	if db.roles, err = roles.Arrange(ctx, db.url, string(c.Data.WorkerDatabaseURL)); err != nil {
		return fmt.Errorf("open database to workers: %w", err)
	}
	state := db.roles.State()
	if state.Isolation != roles.PerInstance {
		if db.cluster != nil { // what is ours can do it
			return fmt.Errorf("open database to workers: %s", state.Why)
		}
		db.log.Warn().Str("isolation", string(state.Isolation)).Str("why", state.Why).
			Msg("workers have no roles of their own in the database: one that is taken over reaches other accounts")
	}
	if state.Superuser {
		db.log.Warn().Msgf("setting %sDATABASE_URL: its user is a superuser; one with CREATEROLE that owns the database is enough", envPrefix)
	}
	return nil
}

// open connects to the database.
func (db *database) open(ctx context.Context) (*store.Store, error) {
	st, err := store.Open(ctx, db.url, store.WithRoles(db.roles))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return st, nil
}

// Run starts the private Postgres anew whenever it ends by itself, until ctx
// ends. It never stops it.
func (db *database) Run(ctx context.Context) error {
	for {
		cluster := db.current()
		if cluster == nil {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-cluster.Exited():
		}
		db.log.Error().Int("pid", cluster.PID()).Msg("the private Postgres has ended; starting it again")
		next, err := localpg.Ensure(ctx, db.cfg)
		for pauses := backoff.New(100*time.Millisecond, 5*time.Second); err != nil; {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it does not start because we end
			}
			db.log.Error().Err(err).Msg("the private Postgres does not start")
			if pauses.Wait(ctx) != nil {
				return nil //nolint:nilerr // as above
			}
			next, err = localpg.Ensure(ctx, db.cfg)
		}
		if next.URL() != db.url {
			return fmt.Errorf("the private Postgres moved while its users were running")
		}
		db.mu.Lock()
		db.cluster = next
		db.mu.Unlock()
	}
}

func (db *database) current() *localpg.Cluster {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.cluster
}

// Stop ends the private Postgres. The workers must be gone.
func (db *database) Stop(ctx context.Context) error {
	if cluster := db.current(); cluster != nil {
		return cluster.Stop(ctx)
	}
	return nil
}

func migrate(ctx context.Context, c config) error {
	log := c.logger(stderr)
	db, err := openDatabase(ctx, c, log)
	if err != nil {
		return err
	}
	if cluster := db.current(); cluster != nil && !cluster.Adopted() {
		return db.Stop(ctx)
	}
	return nil
}
