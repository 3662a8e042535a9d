package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/supervisor/store/migrations"
)

// preparedEnv names a directory in which test binaries that run one after another keep a
// cluster with our schema, so that only the first has to make one. `make test` makes that
// directory and takes it away.
const preparedEnv = "WAM_TEST_PREPARED"

// copyPrepared fills dir, where there is no cluster yet, from the prepared one. It does
// nothing where nobody wants one.
func copyPrepared(ctx context.Context, dir string) error {
	prepared := os.Getenv(preparedEnv)
	if prepared == "" {
		return nil
	}
	if err := makePrepared(ctx, prepared); err != nil {
		return fmt.Errorf("prepare a cluster: %w", err)
	}
	// The cluster belongs to another user when root runs the test.
	out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(prepared, "cluster")+"/.", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy the prepared cluster: %w: %s", err, out)
	}
	return nil
}

func makePrepared(ctx context.Context, prepared string) error {
	lock, err := os.OpenFile(filepath.Join(prepared, "cluster.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	done := filepath.Join(prepared, "cluster")
	if _, err := os.Stat(done); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	making, err := os.MkdirTemp(prepared, "making-")
	if err != nil {
		return err
	}
	if err := os.Chmod(making, 0o711); err != nil {
		return err
	}
	c, err := localpg.Ensure(ctx, throwaway(making))
	if err != nil {
		return err
	}
	err = errors.Join(withSchema(ctx, c.URL()), c.Stop(ctx))
	if err != nil {
		return err
	}
	return os.Rename(making, done)
}

func withSchema(ctx context.Context, url string) error {
	if err := execute(ctx, url, "create database "+template); err != nil {
		return err
	}
	return migrations.Up(ctx, databaseOf(url, template))
}
