package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/pgscram"
)

// convert brings a cluster of an earlier build to roles with passwords. In it
// everybody on the socket was the superuser whatsapp_manager, without a
// password. It can be broken off anywhere: each step sees what is done by
// looking at the cluster, and nobody is locked out before the superuser has
// its password.
func (c *Cluster) convert(ctx context.Context, admin login, cfg Config) error {
	err := c.within(ctx, admin, "postgres", func(*pgx.Conn) error { return nil })
	if err != nil && !refused(err) {
		return err
	}
	if err != nil {
		if err := c.renameSuperuser(ctx, admin); err != nil {
			return err
		}
	}
	current, err := os.ReadFile(c.place.accessFile())
	if err != nil {
		return err
	}
	if closed, err := c.doorClosed(ctx); err != nil || closed && string(current) == access {
		return err
	}
	return c.closeDoor(ctx, admin, cfg)
}

// doorClosed tells whether a password is asked for, which the rules' file alone
// does not: it may not have been loaded.
func (c *Cluster) doorClosed(ctx context.Context) (bool, error) {
	err := c.within(ctx, login{superuser, ""}, "postgres", func(*pgx.Conn) error { return nil })
	if refused(err) {
		return true, nil
	}
	return false, err
}

// renameSuperuser gives the bootstrap superuser its new name and password. No
// role can rename itself, so another one does it.
func (c *Cluster) renameSuperuser(ctx context.Context, admin login) error {
	verifier, err := pgscram.Verifier(admin.password)
	if err != nil {
		return err
	}
	helper := login{converting, admin.password}
	old := login{owner, ""}
	err = c.run(ctx, old, "postgres",
		"do $$ begin create role "+converting+"; exception when duplicate_object then null; end $$",
		"alter role "+converting+" superuser login password '"+verifier+"'")
	if refused(err) {
		return fmt.Errorf("the superuser's password in %s is not the cluster's; bring the file back from a backup: %w", c.place.superuserSecret(), err)
	}
	if err != nil {
		return err
	}
	return c.run(ctx, helper, "postgres",
		"alter role "+owner+" rename to "+superuser,
		"alter role "+superuser+" superuser login password '"+verifier+"'")
}

// closeDoor asks everybody for a password from now on.
func (c *Cluster) closeDoor(ctx context.Context, admin login, cfg Config) error {
	err := errors.Join(writeTuned(c.place, cfg), writeLike(c.place.accessFile(), access, c.place.data()))
	if err != nil {
		return fmt.Errorf("write access rules: %w", err)
	}
	if err := c.run(ctx, admin, "postgres", "select pg_reload_conf()"); err != nil {
		return fmt.Errorf("reload access rules: %w", err)
	}
	return until(ctx, "wait for access rules", func() (bool, error) { return c.doorClosed(ctx) })
}

// endSuperusers ends the sessions of those that came in without a password:
// workers of the earlier build, which were superusers.
func (c *Cluster) endSuperusers(ctx context.Context, admin login) error {
	return c.within(ctx, admin, "postgres", func(conn *pgx.Conn) error {
		return until(ctx, "end superusers' sessions", func() (bool, error) {
			var left int
			err := conn.QueryRow(ctx, `select count(pg_terminate_backend(pid)) from pg_stat_activity
				where usesysid = 10 and pid <> pg_backend_pid() and backend_type = 'client backend'`).Scan(&left)
			return left == 0, err
		})
	})
}

// until asks again and again until the answer is yes.
func until(ctx context.Context, what string, is func() (bool, error)) error {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		if yes, err := is(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		} else if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
