package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/supervisor/store"
)

// database is the Postgres that everything uses: the operator's, or a private
// one that is kept alive.
type database struct {
	url string
	log zerolog.Logger
	cfg localpg.Config

	mu      sync.Mutex
	cluster *localpg.Cluster // nil for the operator's own Postgres
}

// openDatabase returns a database that answers and has this version's schema.
func openDatabase(ctx context.Context, c config, log zerolog.Logger) (*database, error) {
	db := &database{url: c.DatabaseURL, log: log}
	if db.url == "" {
		db.cfg = localpg.Config{DataDir: filepath.Join(c.DataDir, "postgres"), Log: log}
		cluster, err := localpg.Ensure(ctx, db.cfg)
		if err != nil {
			return nil, err
		}
		db.cluster, db.url = cluster, cluster.URL()
	}
	if err := store.Migrate(ctx, db.url); err != nil {
		return nil, fmt.Errorf("migrate database: %w", err)
	}
	return db, nil
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
		for wait := 100 * time.Millisecond; err != nil; wait = min(2*wait, 5*time.Second) {
			if ctx.Err() != nil {
				return nil
			}
			db.log.Error().Err(err).Msg("the private Postgres does not start")
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
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
