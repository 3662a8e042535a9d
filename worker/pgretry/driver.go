package pgretry

import (
	"context"
	"database/sql/driver"
	"errors"
)

// connector opens connections whose statements wait while the database is away.
type connector struct {
	db    *DB
	inner driver.Connector
}

func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn := &retryConn{connector: c}
	return conn, conn.open(ctx)
}

// pgConn lists the abilities of pgx's connections that are used here.
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

// retryConn is one connection for database/sql. Behind it stand as many real ones, one
// after the other, as the outages require.
type retryConn struct {
	connector *connector
	in        pgConn
	inTx      bool
}

func (c *retryConn) open(ctx context.Context) error {
	return c.connector.db.RetryUntilAvailable(ctx, func() error {
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

// retry runs a statement, on a new connection after each outage. Inside a
// transaction it runs once: the statements before it are gone with the connection.
func (c *retryConn) retry(ctx context.Context, fn func() error) error {
	if c.inTx {
		err := fn()
		c.connector.db.note(err)
		return err
	}
	return c.connector.db.RetryUntilAvailable(ctx, func() error {
		err := fn()
		if !isOutage(err) {
			return err
		}
		_ = c.in.Close()
		if openErr := c.open(ctx); openErr != nil {
			return openErr
		}
		return err
	})
}

func (c *retryConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.retry(ctx, func() (err error) {
		res, err = c.in.ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

func (c *retryConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.retry(ctx, func() (err error) {
		rows, err = c.in.QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

func (c *retryConn) BeginTx(ctx context.Context, opts driver.TxOptions) (tx driver.Tx, err error) {
	err = c.retry(ctx, func() (err error) {
		tx, err = c.in.BeginTx(ctx, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return retryTx{tx, c}, nil
}

type retryTx struct {
	driver.Tx
	conn *retryConn
}

func (t retryTx) Commit() error {
	t.conn.inTx = false
	err := t.Tx.Commit()
	t.conn.connector.db.note(err)
	return err
}

func (t retryTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}

// errNoContext refuses the methods of database/sql/driver from before contexts, which
// database/sql does not call where the newer ones exist.
var errNoContext = errors.New("this connection needs a context")

// Begin refuses; BeginTx is used.
func (c *retryConn) Begin() (driver.Tx, error) { return nil, errNoContext }

// Prepare refuses; PrepareContext is used.
func (c *retryConn) Prepare(string) (driver.Stmt, error) { return nil, errNoContext }

func (c *retryConn) PrepareContext(ctx context.Context, query string) (stmt driver.Stmt, err error) {
	err = c.retry(ctx, func() (err error) {
		stmt, err = c.in.PrepareContext(ctx, query)
		return err
	})
	return stmt, err
}

func (c *retryConn) CheckNamedValue(v *driver.NamedValue) error { return c.in.CheckNamedValue(v) }

func (c *retryConn) ResetSession(ctx context.Context) error { return c.in.ResetSession(ctx) }

func (c *retryConn) Ping(ctx context.Context) error { return c.in.Ping(ctx) }

func (c *retryConn) Close() error { return c.in.Close() }
