package chromium

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Unpack unpacks a zip of an extension into a directory of the test, as a person does
// who installs it, and returns the directory.
func Unpack(t testing.TB, packed []byte) string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.File {
		if err := unpack(f, dir); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func unpack(f *zip.File, dir string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), data, 0o600)
}
