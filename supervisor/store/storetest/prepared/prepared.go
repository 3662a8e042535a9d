// Package prepared keeps directories that tests take long to make: the first that needs one
// makes it, and all work on copies. It knows nothing of what is in them.
package prepared

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Shared is the directory in which test binaries that run one after another keep what they
// prepare; empty where each prepares for itself. `make test` makes it, names it in
// WAM_TEST_PREPARED and takes it away.
func Shared() string { return os.Getenv("WAM_TEST_PREPARED") }

// Copy copies the directory kept to another, which may be there already. Whoever is the
// first to ask has build make it at a path where nothing is yet; others wait for that, in
// this process and in others. Owners and modes are kept: a cluster belongs to another user
// when root runs the test.
func Copy(ctx context.Context, kept, to string, build func(ctx context.Context, at string) error) error {
	if err := once(ctx, kept, build); err != nil {
		return fmt.Errorf("prepare %s: %w", kept, err)
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", kept+"/.", to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", kept, err, out)
	}
	return nil
}

func once(ctx context.Context, kept string, build func(ctx context.Context, at string) error) error {
	lock, err := os.OpenFile(kept+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	making := kept + ".making"
	if err := os.RemoveAll(making); err != nil { // of a test that was killed
		return err
	}
	if err := build(ctx, making); err != nil {
		return err
	}
	return os.Rename(making, kept)
}
