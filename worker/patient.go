package worker

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// whatsmeow answers a database error while decrypting with a retry receipt and
// an acknowledgement: after five of them, or when the sender is gone, the message
// is lost. So its statements wait for Postgres instead of failing. Those
// outside a transaction are repeated here (they are reads, upserts and deletes);
// the one transaction that matters is repeated in eventbuffer.go.

func poolConnector(pool *pgxpool.Pool) driver.Connector { return stdlib.GetPoolConnector(pool) }

type patientConnector struct {
	db    *database
	inner driver.Connector
}

func (c *patientConnector) Driver() driver.Driver { return c.inner.Driver() }

func (c *patientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn := &patientConn{connector: c}
	return conn, conn.open(ctx)
}

// pgConn is what stdlib's connections can do and we use.
type pgConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Pinger
}

// patientConn is one connection to database/sql and as many real ones, one
// after the other, as an outage takes.
type patientConn struct {
	connector *patientConnector
	in        pgConn
	inTx      bool
}

func (c *patientConn) open(ctx context.Context) error {
	return c.connector.db.insist(ctx, func() error {
		conn, err := c.connector.inner.Connect(ctx)
		if err != nil {
			return err
		}
		pg, ok := conn.(pgConn)
		if !ok {
			return errors.New("the Postgres driver lacks an interface")
		}
		c.in = pg
		return nil
	})
}

// again runs a statement, on a new connection after each outage. Inside a
// transaction it runs once: what came before it is gone with the connection.
func (c *patientConn) again(ctx context.Context, fn func() error) error {
	if c.inTx {
		err := fn()
		c.connector.db.note(err)
		return err
	}
	return c.connector.db.insist(ctx, func() error {
		err := fn()
		if !lost(err) {
			return err
		}
		_ = c.in.Close()
		if openErr := c.open(ctx); openErr != nil {
			return openErr
		}
		return err
	})
}

func (c *patientConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.again(ctx, func() (err error) {
		res, err = c.in.ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

func (c *patientConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.again(ctx, func() (err error) {
		rows, err = c.in.QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

func (c *patientConn) BeginTx(ctx context.Context, opts driver.TxOptions) (tx driver.Tx, err error) {
	err = c.again(ctx, func() (err error) {
		tx, err = c.in.BeginTx(ctx, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return patientTx{tx, c}, nil
}

type patientTx struct {
	driver.Tx
	conn *patientConn
}

func (t patientTx) Commit() error {
	t.conn.inTx = false
	err := t.Tx.Commit()
	t.conn.connector.db.note(err)
	return err
}

func (t patientTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}

func (c *patientConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *patientConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *patientConn) PrepareContext(ctx context.Context, query string) (stmt driver.Stmt, err error) {
	err = c.again(ctx, func() (err error) {
		stmt, err = c.in.PrepareContext(ctx, query)
		return err
	})
	return stmt, err
}

func (c *patientConn) CheckNamedValue(v *driver.NamedValue) error { return c.in.CheckNamedValue(v) }

func (c *patientConn) ResetSession(ctx context.Context) error { return c.in.ResetSession(ctx) }

func (c *patientConn) Ping(ctx context.Context) error { return c.in.Ping(ctx) }

func (c *patientConn) Close() error { return c.in.Close() }
