// Package keyfile keeps the installation's master keys in a file, outside of the
// database whose secrets they seal.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/seal"
)

const longest = 64 << 10 // of a file that is read

// File is a key file that was read. Its methods may be called from any goroutine.
type File struct {
	path string

	mu    sync.Mutex
	ring  *seal.Ring
	state fs.FileInfo // when it was read
	onBad func(error)
}

// Open reads the file. It fails with fs.ErrNotExist when there is none.
func Open(path string) (*File, error) {
	f := &File{path: path}
	var err error
	f.ring, f.state, err = read(path)
	return f, err
}

// Create writes a file with a new key, which is on the disk when Create returns.
// It never replaces a file: fs.ErrExist when there is one.
func Create(path string) (*File, error) {
	if err := write(path, seal.NewRing(), os.Link); err != nil {
		return nil, err
	}
	return Open(path)
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// OnBad sets the function that is told why a changed file cannot be used. Call it
// before the file is shared.
func (f *File) OnBad(report func(error)) { f.onBad = report }

// Ring returns the keys that the file holds now. It keeps the keys of before when
// the file went away, cannot be read, or lacks the key that has sealed so far.
func (f *File) Ring() *seal.Ring {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil || same(info, f.state) {
		return f.ring
	}
	ring, state, err := read(f.path)
	if err == nil && !ring.Has(f.ring.ID()) {
		err = fmt.Errorf("read %s: it lacks key %s, which is in use", f.path, f.ring.ID())
	}
	f.state = info // whatever it is, it is looked at once
	if err != nil {
		if f.onBad != nil {
			f.onBad(err)
		}
		return f.ring
	}
	f.ring, f.state = ring, state
	return ring
}

// Replace writes other keys, which are on the disk when Replace returns.
func (f *File) Replace(ring *seal.Ring) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := write(f.path, ring, os.Rename); err != nil {
		return err
	}
	var err error
	f.ring, f.state, err = read(f.path)
	return err
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func read(path string) (*seal.Ring, fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read secret key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read secret key: %w", err)
	}
	// Its group may read it, as files do that a service is handed by its host.
	if info.Mode().Perm()&0o037 != 0 {
		return nil, nil, fmt.Errorf("read secret key: %s may be read or changed by others (mode %04o); chmod it to 0600", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, longest))
	if err != nil {
		return nil, nil, fmt.Errorf("read secret key: %w", err)
	}
	ring, err := seal.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read secret key %s: %w", path, err)
	}
	return ring, info, nil
}

// ownedAs gives the file to the owner of the one before, or of the directory: an
// operator who is root must not lock out the manager that is not.
func ownedAs(file *os.File, before, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(before)
	if err != nil {
		info, err = os.Stat(dir)
	}
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		return file.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

// write puts a whole file in place, by link (which replaces nothing) or rename.
func write(path string, ring *seal.Ring, place func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	fail := func(err error) error { return fmt.Errorf("write secret key: %w", err) }
	file, err := os.CreateTemp(dir, ".secret.key-*") // 0600
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already where it was renamed
	_, err = file.Write(ring.Text())
	if err = errors.Join(err, ownedAs(file, path, dir), file.Sync(), file.Close()); err != nil {
		return fail(err)
	}
	if err = place(file.Name(), path); err != nil {
		return fail(err)
	}
	// Without this the name may be lost with the power, and what it sealed with it.
	d, err := os.Open(dir)
	if err != nil {
		return fail(err)
	}
	defer d.Close()
	if err = d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // file systems that have no such thing
		return fail(err)
	}
	return nil
}
