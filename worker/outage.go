package worker

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	outageFirstWait = 50 * time.Millisecond
	outageLastWait  = 2 * time.Second
	callPatience    = 5 * time.Second // of statements whose caller waits with a deadline
)

// lost reports whether err means that Postgres cannot be reached now, as
// opposed to an answer of Postgres that will not change by asking again.
func lost(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, errOutage) {
		return true
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch {
		case strings.HasPrefix(pgErr.Code, "08"): // connection exceptions
			return true
		case pgErr.Code == "57P01", pgErr.Code == "57P02", pgErr.Code == "57P03": // shutdown, crash, starting up
			return true
		case pgErr.Code == "53300": // too many connections
			return true
		}
		return false
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	switch {
	case errors.As(err, &connectErr), errors.Is(err, driver.ErrBadConn):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &netErr):
		// A deadline of the caller is a net.Error too, and no sign of an outage.
		return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
	}
	return strings.Contains(err.Error(), "conn closed")
}

// passing reports whether Postgres refused for a reason of its own that may be
// over soon (deadlock, disk full, cancelled), not because of what was asked.
func passing(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || len(pgErr.Code) != 5 {
		return false
	}
	switch pgErr.Code[:2] {
	case "25", "40", "53", "55", "57", "58", "XX":
		return true
	}
	return false
}

// errOutage marks errors that came of an outage although their text hides it.
var errOutage = errors.New("the database went away")

// losses counts the failures that were outages.
func (db *database) losses() uint64 { return db.lost.Load() }

// note takes every failure that may be an outage. The first starts a probe that
// reports the database's return.
func (db *database) note(err error) {
	if !lost(err) || db.ctx.Err() != nil {
		return
	}
	db.lost.Add(1)
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.away {
		return
	}
	db.away = true
	db.log.Warn().Err(err).Msg("database away")
	db.probes.Add(1)
	go db.probe()
	db.onChange(true)
}

func (db *database) probe() {
	defer db.probes.Done()
	for wait := outageFirstWait; ; wait = min(wait*2, outageLastWait) {
		if !sleep(db.ctx, wait) {
			return
		}
		ctx, cancel := context.WithTimeout(db.ctx, connectTimeout)
		err := db.pool.Ping(ctx)
		cancel()
		if err != nil {
			continue
		}
		db.mu.Lock()
		db.away = false
		db.log.Info().Msg("database back")
		db.onChange(false)
		db.mu.Unlock()
		return
	}
}

// insist runs fn until it succeeds, fails for another reason than an outage, or
// ctx ends. A ctx with a deadline belongs to a caller who waits: then only
// for callPatience. fn must be safe to repeat after an unknown outcome.
func (db *database) insist(ctx context.Context, fn func() error) error {
	started := time.Now()
	_, hurried := ctx.Deadline()
	for wait := outageFirstWait; ; wait = min(wait*2, outageLastWait) {
		err := fn()
		if !lost(err) {
			return err
		}
		db.note(err)
		if hurried && time.Since(started) > callPatience {
			return err
		}
		if !sleep(ctx, wait) {
			return err
		}
	}
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
