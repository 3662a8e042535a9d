package formats

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"whatsapp-manager/proto/fault"
)

// What is taken from a disk: one file with what lies beside it, or one folder.
const (
	MaxBytes = 2 << 30 // of all files together
	maxFiles = 200_000
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TooLarge is the fault for more than most bytes.
func TooLarge(most int64) error {
	return &fault.Error{Kind: fault.TooLarge, Op: "formats", Field: "file", Msg: fmt.Sprintf("the files are larger than %d MiB together", most>>20)}
}

// Gather copies a file, with what SQLite left beside it, or the files of a folder into dir,
// and returns the path of the copy. Links and special files are left out.
func Gather(path, dir string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	g := &gathering{bytes: MaxBytes, files: maxFiles}
	if !info.IsDir() {
		target := filepath.Join(dir, "account")
		if err := g.file(path, target); err != nil {
			return "", err
		}
		for _, left := range []string{"-wal", "-journal"} {
			if err := g.file(path+left, target+left); err != nil && !os.IsNotExist(err) {
				return "", err
			}
		}
		return target, nil
	}
	target := filepath.Join(dir, "folder")
	if err := os.Mkdir(target, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := g.file(filepath.Join(path, e.Name()), filepath.Join(target, e.Name())); err != nil {
				return "", err
			}
		}
	}
	return target, nil
}

type gathering struct {
	bytes int64
	files int
}

func (g *gathering) file(from, to string) error {
	in, err := os.Open(filepath.Clean(from))
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Mode()&fs.ModeType != 0 {
		return fmt.Errorf("%s is no file: %w", from, err)
	}
	return g.copy(in, to)
}

func (g *gathering) copy(in io.Reader, to string) error {
	if g.files--; g.files < 0 {
		return fault.New(fault.TooLarge, "formats", "there are more than %d files", maxFiles)
	}
	out, err := os.OpenFile(filepath.Clean(to), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, g.bytes+1))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if g.bytes -= n; err == nil && g.bytes < 0 {
		err = TooLarge(MaxBytes)
	}
	return err
}
