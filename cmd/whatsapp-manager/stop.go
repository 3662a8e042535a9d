package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/supervisor/workerproc"
)

// stop ends a running manager with everything below it. Without a running
// manager it ends what an earlier one left: workers first, Postgres last.
func stop(ctx context.Context, c config) error {
	if _, err := os.Stat(c.Data.DataDir); err != nil {
		return fmt.Errorf("nothing to stop: %w", err)
	}
	pid, err := workerproc.ManagerPID(c.Node.RunDir)
	if err != nil {
		return fmt.Errorf("look for the manager: %w", err)
	}
	if pid != 0 {
		return interrupt(ctx, pid)
	}
	return stopLeftovers(ctx, c)
}

// interrupt sends SIGINT to the manager and waits until it is gone.
func interrupt(ctx context.Context, pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("find manager %d: %w", pid, err)
	}
	if err := process.Signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("signal manager %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*stopGrace)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for process.Signal(syscall.Signal(0)) == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("manager %d does not end: %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func stopLeftovers(ctx context.Context, c config) error {
	log := c.logger(stderr)
	db, err := openDatabase(ctx, c, log)
	if err != nil {
		return err
	}
	st, err := db.open(ctx)
	if err != nil {
		return err
	}
	s, err := newSupervisor(c, presentKeys(c), st, log, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	running, end := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return s.Run(running) })
	group.Go(func() error {
		defer end()
		limited, cancel := context.WithTimeout(ctx, stopGrace)
		defer cancel()
		return s.StopAll(limited)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	st.Close()
	limited, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	return db.Stop(limited)
}
