package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// preparing is held while a data directory is made, so that the others wait for it.
var preparing sync.Mutex

// prepare makes dataDir a copy of the data directory that a manager of opts.Bin
// has made in its first start. That one is kept beside the programs.
func prepare(ctx context.Context, opts Options, dataDir string) error {
	kept := filepath.Join(opts.Bin, "prepared-data")
	if err := makePrepared(ctx, opts, kept); err != nil {
		return fmt.Errorf("prepare a data directory: %w", err)
	}
	// The cluster belongs to another user when root runs the test.
	if out, err := exec.CommandContext(ctx, "cp", "-a", kept, dataDir).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the prepared data directory: %w: %s", err, out)
	}
	return nil
}

func makePrepared(ctx context.Context, opts Options, kept string) error {
	preparing.Lock()
	defer preparing.Unlock()
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
