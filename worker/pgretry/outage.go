package pgretry

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// isOutage reports whether err means that Postgres cannot be reached now, as opposed
// to an answer of Postgres that stays the same when the statement is repeated.
func isOutage(err error) bool {
	if err == nil {
		return false
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(pgErr.Code, "08"): // connection exceptions
			return true
		case pgErr.Code == "57P01", pgErr.Code == "57P02", pgErr.Code == "57P03": // shutdown, crash, starting up
			return true
		case pgErr.Code == "53300": // too many connections
			return true
		}
		return isBarred(err)
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	switch {
	case errors.As(err, &connectErr), errors.Is(err, driver.ErrBadConn):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &netErr):
		// The caller's own deadline is a net.Error too, and no sign of an outage.
		return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
	}
	return strings.Contains(err.Error(), "conn closed") // pgconn has no value for it
}

// isResourceExhausted reports whether Postgres answered that it cannot do now what it
// was asked for: no room on the disk or in memory, a disk that fails, a standby that
// takes no writes yet. The statement is not at fault, and waiting helps.
func isResourceExhausted(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || len(pgErr.Code) != 5 {
		return false
	}
	// A right that our role lacks is not there yet, or will be there again: the manager
	// grants them, and whatsmeow would count the message as handled. A row that is not
	// ours to write is another matter.
	missing := pgErr.Code == "42501" && pgErr.Routine == "aclcheck_error"
	return pgErr.Code[:2] == "53" || pgErr.Code[:2] == "58" || pgErr.Code == "25006" || missing
}

// isBarred reports whether Postgres no longer lets our role in: a later worker has
// the instance, or the database was restored without its roles. Towards whatsmeow
// that is an outage, since it counts a message as handled after any other error. The
// worker itself has to end, and the next one gets a role that is let in.
func isBarred(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "28")
}

// IsTransient reports whether Postgres refused for a reason of its own that may be
// over soon (a deadlock, a lock it did not get, a cancelled statement), and not
// because of what it was asked for.
func IsTransient(err error) bool {
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
