package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"whatsapp-manager/supervisor/store/storetest/prepared"
)

// prepare makes dataDir a copy of the data directory that a manager of opts.Bin
// has made in its first start. That one is kept beside the programs, or where
// other test binaries find it, too.
func prepare(ctx context.Context, opts Options, dataDir string) error {
	kept := filepath.Join(opts.Bin, "prepared-data")
	if shared := prepared.Shared(); shared != "" {
		program, err := digest(filepath.Join(opts.Bin, "whatsapp-manager"))
		if err != nil {
			return fmt.Errorf("prepare a data directory: %w", err)
		}
		kept = filepath.Join(shared, "data-"+program)
	}
	return prepared.Copy(ctx, kept, dataDir, func(ctx context.Context, at string) error {
		return makeData(ctx, opts, at)
	})
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

func makeData(ctx context.Context, opts Options, at string) error {
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
	return errors.Join(os.Rename(s.DataDir(), at), s.Close())
}
