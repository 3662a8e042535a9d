package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/fault"
)

// retryAfter is what callers are told while the database is away.
const retryAfter = time.Second

// SQLSTATE codes and classes, from the appendix "PostgreSQL Error Codes".
const (
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
	notNullViolation    = "23502"
	checkViolation      = "23514"
	untranslatable      = "22P05" // \u0000 in jsonb
	badEncoding         = "22021" // a zero byte or invalid UTF-8 in text
	outOfRange          = "22003"

	deadlock             = "40P01"
	serializationFailure = "40001"

	movedAway = "WM003" // of our trigger: the instance lives on another server

	classConnection   = "08"
	classResources    = "53" // too many connections, disk full, out of memory
	classIntervention = "57" // shutting down, starting up, terminated by the administrator
	queryCanceled     = "57014"
	classSystem       = "58" // I/O error of the server
	readOnly          = "25006"
)

// Failure turns what pgx returns into a fault of the kinds that the package
// promises, for the packages below this one.
func Failure(op string, err error) error { return failure(op, err) }

// failure turns what pgx returns into a fault. It returns nil for nil and
// leaves faults and a cancelled context as they are.
func failure(op string, err error) error {
	var known *fault.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return fault.Wrap(fault.NotFound, op, err, "not found")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Deadline, op, err, "the database did not answer in time")
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &pg):
		return refused(op, err, pg)
	case lost(err):
		return away(op, err)
	default:
		return fault.Wrap(fault.Internal, op, err, "internal error")
	}
}

func refused(op string, err error, pg *pgconn.PgError) error {
	field := fieldOf(pg)
	// Only the code and the names of the schema: message and detail quote values.
	cause := errors.New("SQLSTATE " + pg.Code + " on " + pg.TableName + "." + pg.ConstraintName)
	switch pg.Code {
	case uniqueViolation:
		return &fault.Error{Kind: fault.Conflict, Op: op, Field: field, Msg: "there is one with the same " + field, Err: cause}
	case foreignKeyViolation:
		return &fault.Error{Kind: fault.NotFound, Op: op, Field: field, Msg: "what it belongs to does not exist", Err: cause}
	case checkViolation, notNullViolation:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Msg: "the value is not allowed", Err: cause}
	case badEncoding, untranslatable, outOfRange:
		return &fault.Error{Kind: fault.Invalid, Op: op, Msg: "a text holds a zero byte or invalid UTF-8, or a number is too large", Err: cause}
	case movedAway:
		return moved(op, cause)
	case queryCanceled:
		return fault.Wrap(fault.Deadline, op, err, "the database did not answer in time")
	case readOnly, deadlock, serializationFailure:
		return away(op, err)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case classConnection, classResources, classIntervention, classSystem:
		return away(op, err)
	}
	return fault.Wrap(fault.Internal, op, err, "internal error")
}

// fieldOf takes the column out of a constraint's name, which Postgres composes
// as table_column_key, _check or _fkey.
func fieldOf(pg *pgconn.PgError) string {
	if pg.ColumnName != "" {
		return pg.ColumnName
	}
	name := strings.TrimPrefix(pg.ConstraintName, pg.TableName+"_")
	for _, suffix := range []string{"_key", "_check", "_fkey"} {
		name = strings.TrimSuffix(name, suffix)
	}
	switch name {
	case "pkey":
		return "id"
	case "token_hash":
		return "hash"
	}
	return name
}

// lost tells whether the connection could not be made or broke underway.
func lost(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

func away(op string, err error) error {
	return &fault.Error{Kind: fault.Unavailable, Op: op, Msg: "the database cannot be reached", RetryAfter: retryAfter, Err: err}
}

// found turns "no row was changed" into NotFound.
func found(op string, rows int64, err error) error {
	if err == nil && rows == 0 {
		err = pgx.ErrNoRows
	}
	return failure(op, err)
}
