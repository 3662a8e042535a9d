package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// preparedEnv names a directory in which test binaries that run one after another keep
// what they prepare. `make test` makes it and takes it away.
const preparedEnv = "WAM_TEST_PREPARED"

// prepare makes dataDir a copy of the data directory that a manager of opts.Bin
// has made in its first start. That one is kept beside the programs, or where
// other test binaries find it, too.
func prepare(ctx context.Context, opts Options, dataDir string) error {
	kept := filepath.Join(opts.Bin, "prepared-data")
	if shared := os.Getenv(preparedEnv); shared != "" {
		program, err := digest(filepath.Join(opts.Bin, "whatsapp-manager"))
		if err != nil {
			return fmt.Errorf("prepare a data directory: %w", err)
		}
		kept = filepath.Join(shared, "data-"+program)
	}
	if err := makePrepared(ctx, opts, kept); err != nil {
		return fmt.Errorf("prepare a data directory: %w", err)
	}
	// The cluster belongs to another user when root runs the test.
	if out, err := exec.CommandContext(ctx, "cp", "-a", kept, dataDir).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the prepared data directory: %w: %s", err, out)
	}
	return nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func makePrepared(ctx context.Context, opts Options, kept string) error {
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
	s, err := Start(ctx, Options{Bin: opts.Bin, Endpoint: opts.Endpoint, Empty: true})
	if err != nil {
		return err
	}
	if err := s.Stop(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	// Whatever concerns the life of that one manager stays behind.
	for _, past := range []string{"logs", "postgres/log"} {
		if err := os.RemoveAll(filepath.Join(s.DataDir(), past)); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return errors.Join(os.Rename(s.DataDir(), kept), s.Close())
}
