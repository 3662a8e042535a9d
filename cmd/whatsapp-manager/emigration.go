package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/supervisor/store/carry"
	"whatsapp-manager/worker/keystore"
)

// emigrate writes an instance's account for another program. Only a whole file or folder
// gets its name.
func (e exporting) emigrate(ctx context.Context, o *operation, id supervisor.ID, path string) error {
	if err := formats.WriteKnown(e.to); err != nil {
		return err
	}
	in, err := o.store.Instance(ctx, id)
	if err != nil {
		return fmt.Errorf("export %s: %w", id, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already", path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".") // of mode 0700
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if e.move {
		if _, err := o.leave(ctx, in); err != nil {
			return err
		}
	}
	report, err := e.write(ctx, o, id, filepath.Join(dir, "account"), path)
	if err != nil {
		err = fmt.Errorf("export %s: %w", id, err)
		if e.move {
			err = errors.Join(err, o.stay(ctx, id))
		}
		return err
	}
	out := json.NewEncoder(o.out)
	out.SetIndent("", "  ")
	if err := out.Encode(map[string]any{"instance": string(id), "report": report}); err != nil {
		return err
	}
	return o.audit(ctx, "instance.export", id, map[string]any{"to": e.to, "move": e.move})
}

func (e exporting) write(ctx context.Context, o *operation, id supervisor.ID, unfinished, path string) (*moving.Report, error) {
	account, dropped, err := carry.Out(ctx, o.store, id)
	if err != nil {
		return nil, err
	}
	report, err := formats.Write(ctx, e.to, unfinished, account, keystore.CreateIn)
	if err != nil {
		return nil, err
	}
	if dropped > 0 {
		report.Lose("sealedValues", dropped, "they do not open with this server's secret key")
	}
	if err := os.Chmod(unfinished, secretMode(unfinished)); err != nil {
		return nil, fmt.Errorf("close %s to others: %w", path, err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return nil, fmt.Errorf("name %s: %w", path, err)
	}
	return report, nil
}

// secretMode lets the owner alone read a file or enter a folder.
func secretMode(path string) os.FileMode {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return 0o700
	}
	return 0o600
}
