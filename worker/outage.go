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
		case barred(err):
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

// scarce reports whether Postgres answered that it cannot do now what it was
// asked for: no room on the disk or in memory, a disk that fails, a standby that
// takes no writes yet. What was asked for is not at fault, and waiting helps.
func scarce(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || len(pgErr.Code) != 5 {
		return false
	}
	// A right that our role lacks is not there yet, or will be again: the manager
	// grants them, and whatsmeow would take the message for dealt with. A row that
	// is not ours to write is another matter.
	missing := pgErr.Code == "42501" && pgErr.Routine == "aclcheck_error"
	return pgErr.Code[:2] == "53" || pgErr.Code[:2] == "58" || pgErr.Code == "25006" || missing
}

// barred reports whether Postgres lets our role in no more: a later worker has
// the instance, or the database was restored without its roles. To whatsmeow
// that is an outage, since what fails for any other reason counts as dealt with;
// the worker itself has to end, and the next one gets a role that is let in.
func barred(err error) bool { return strings.HasPrefix(sqlState(err), "28") }

// passing reports whether Postgres refused for a reason of its own that may be
// over soon (deadlock, lock not had, cancelled), not because of what was asked.
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

// losses counts the failures that were outages or scarcity.
func (db *database) losses() uint64 { return db.lost.Load() }

// note takes every failure that may be an outage. The first starts a probe that
// reports the database's return. Scarcity is counted only: a probe would find
// that the database answers.
func (db *database) note(err error) {
	if !lost(err) && !scarce(err) || errors.Is(err, errOutage) || db.ctx.Err() != nil {
		return // the cause of errOutage was noted where it was seen
	}
	db.lost.Add(1)
	if !lost(err) {
		return
	}
	if barred(err) {
		db.onBarred(errBarred)
	}
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

// insist runs fn until it succeeds, fails for another reason than an outage or
// scarcity, or ctx ends. A ctx with a deadline belongs to a caller who waits: then only
// for callPatience. fn must be safe to repeat after an unknown outcome.
func (db *database) insist(ctx context.Context, fn func() error) error {
	started := time.Now()
	_, hurried := ctx.Deadline()
	for wait := outageFirstWait; ; wait = min(wait*2, outageLastWait) {
		err := fn()
		if !lost(err) && !scarce(err) {
			return err
		}
		db.note(err)
		if wait == outageFirstWait && scarce(err) {
			db.log.Warn().Err(err).Msg("the database cannot do what it is asked for; trying again")
		}
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
