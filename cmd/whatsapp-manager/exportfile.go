package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"whatsapp-manager/supervisor/store/archive"
)

// exportFile has its name only when it is whole.
type exportFile struct {
	*os.File
	path string
}

// newExportFile refuses a name that is taken.
func newExportFile(path string) (*exportFile, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return nil, fmt.Errorf("make export file: %w", err)
	}
	return &exportFile{File: f, path: path}, nil
}

// keep makes sure that the file is on the disk and can be read again, and gives
// it its name.
func (f *exportFile) keep(phrase string) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write export file: %w", err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return fmt.Errorf("read export file: %w", err)
	}
	if _, err := archive.Verify(f, phrase); err != nil {
		return fmt.Errorf("read export file: %w", err)
	}
	// A link refuses a name that was taken meanwhile; a rename would replace it.
	if err := os.Link(f.Name(), f.path); err != nil {
		return fmt.Errorf("name export file: %w", err)
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep export file: %w", err), os.Remove(f.path))
	}
	return nil
}

// discard removes the file unless it was kept.
func (f *exportFile) discard() {
	_ = os.Remove(f.Name()) // what was kept has another name
	_ = f.Close()
}
