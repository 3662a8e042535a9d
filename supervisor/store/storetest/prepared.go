package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/supervisor/store/migrations"
	"whatsapp-manager/supervisor/store/storetest/prepared"
)

// copyPrepared fills dir, where there is no cluster yet, from one with our schema that test
// binaries share. It does nothing where they share none.
func copyPrepared(ctx context.Context, dir string) error {
	shared := prepared.Shared()
	if shared == "" {
		return nil
	}
	return prepared.Copy(ctx, filepath.Join(shared, "cluster"), dir, makeCluster)
}

func makeCluster(ctx context.Context, at string) error {
	if err := os.Mkdir(at, 0o711); err != nil { // the server's user has to pass
		return err
	}
	c, err := localpg.Ensure(ctx, throwaway(at))
	if err != nil {
		return err
	}
	return errors.Join(withSchema(ctx, c.URL()), c.Stop(ctx))
}

func withSchema(ctx context.Context, url string) error {
	if err := execute(ctx, url, "create database "+template); err != nil {
		return err
	}
	return migrations.Up(ctx, databaseOf(url, template))
}
