package formats

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"whatsapp-manager/supervisor/moving"
)

// What an archive may hold. It is a stranger's: a small one may unpack to anything.
const (
	maxUnpacked = 512 << 20
	maxEntries  = 50_000
)

// unpacked returns the file or folder to read: path itself, or what is in it when it is a
// zip or a tar archive (also gzipped), unpacked beside it. Folders in the archive are not
// made: all files come into one, by their last names.
func unpacked(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		return file, err
	}
	in, err := os.Open(filepath.Clean(file))
	if err != nil {
		return "", err
	}
	defer in.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	u := &unpacking{dir: file + ".unpacked", g: &gathering{bytes: maxUnpacked, files: maxEntries}}
	switch head := string(head[:n]); {
	case strings.HasPrefix(head, "PK\x03\x04"):
		err = u.zip(in, info.Size())
	case strings.HasPrefix(head, "\x1f\x8b"):
		err = u.gzipped(in)
	case len(head) > 262 && head[257:262] == "ustar":
		err = u.tar(in)
	default:
		return file, nil
	}
	if err != nil {
		return "", err
	}
	return u.dir, nil
}

type unpacking struct {
	dir string
	g   *gathering
}

// keep writes a file of the archive. Two of the same last name would make it unclear which
// is meant.
func (u *unpacking) keep(name string, in io.Reader) error {
	base := path.Base(strings.ReplaceAll(name, "\\", "/"))
	if strings.HasPrefix(base, ".") || strings.Contains(name, "__MACOSX") || len(base) > 200 {
		return nil
	}
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return err
	}
	to := filepath.Join(u.dir, base)
	if exists(to) {
		return moving.Unreadable("the archive has two files of the same name")
	}
	return u.g.copy(in, to)
}

func (u *unpacking) zip(in *os.File, size int64) error {
	r, err := zip.NewReader(in, size)
	if err != nil {
		return errArchive
	}
	if len(r.File) > maxEntries {
		return moving.Unreadable("the archive has more than %d files", maxEntries)
	}
	for _, f := range r.File {
		if !f.Mode().IsRegular() {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return errArchive
		}
		err = u.keep(f.Name, content)
		if cerr := content.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return archiveError(err)
		}
	}
	return u.some()
}

func (u *unpacking) gzipped(in io.Reader) error {
	r, err := gzip.NewReader(bufio.NewReader(in))
	if err != nil {
		return errArchive
	}
	return u.tar(r)
}

func (u *unpacking) tar(in io.Reader) error {
	r := tar.NewReader(in)
	for n := 0; ; n++ {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return u.some()
		}
		if err != nil || n > maxEntries {
			return errArchive
		}
		if head.Typeflag != tar.TypeReg {
			continue
		}
		if err := u.keep(head.Name, r); err != nil {
			return archiveError(err)
		}
	}
}

func (u *unpacking) some() error {
	if !exists(u.dir) {
		return moving.Unreadable("the archive holds no files")
	}
	return nil
}

var errArchive = moving.Unreadable("the archive is damaged, or not a zip, tar or tar.gz file")

// archiveError leaves our own refusals as they are; all else is the archive's.
func archiveError(err error) error {
	if isFault(err) {
		return err
	}
	return errArchive
}

// theDatabase finds the one SQLite file in a folder.
func theDatabase(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil || !info.IsDir() {
		return file, err
	}
	entries, err := os.ReadDir(file)
	if err != nil {
		return "", err
	}
	found := ""
	for _, e := range entries {
		name := filepath.Join(file, e.Name())
		if !e.Type().IsRegular() || !hasMagic(name) {
			continue
		}
		if found != "" {
			return "", moving.Unreadable("there are several SQLite files; send the one with whatsmeow's tables, with its -wal file if there is one")
		}
		found = name
	}
	if found == "" {
		return "", moving.Unreadable("there is no SQLite file")
	}
	return found, nil
}

func hasMagic(file string) bool {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 15)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "SQLite format 3"
}
