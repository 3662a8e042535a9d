// Package spool keeps files that are on their way between HTTP and WhatsApp, so that the
// memory of the worker does not hold them. They live until they are used, or for a few
// minutes, in a directory of the instance's own, and are named by their content.
//
// The package must not know WhatsApp, HTTP, or what the files are for.
package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/fault"
)

// Keep is how long a file stays after it was last asked for.
const Keep = 2 * time.Minute

const (
	sweepEvery = 10 * time.Second
	// keepUploads is how long an upload stays at most that nobody uses.
	keepUploads = time.Hour
	// leaveFree is room of the disk that is not for files: the database may be there too.
	leaveFree = 256 << 20
)

const op = "worker.spool"

// Spool is a directory of files with a limit on their bytes. It is safe for concurrent
// use.
type Spool struct {
	dir   string
	limit int64

	mu     sync.Mutex
	files  map[string]*entry
	used   int64     // bytes of all files, those that are being written included
	coming time.Time // when a byte of an upload came last
}

type entry struct {
	size  int64
	last  time.Time
	busy  chan struct{} // closed when the file is there, or when its writing has failed
	err   error
	owed  int // uploads of these bytes that nobody has taken yet
	taken int // uses that are not over
}

// Open creates dir, or empties it, and keeps at most limit bytes there. Run removes files
// whose time is over.
func Open(dir string, limit int64) (*Spool, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("empty spool: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	return &Spool{dir: dir, limit: limit, files: map[string]*entry{}}, nil
}

// Put keeps the bytes of r and returns the name of their file, which is their SHA-256 in
// hex. Errors: TooLarge when there are more than max bytes, RateLimited when too many
// files are on their way, Unavailable when the disk is nearly full.
func (s *Spool) Put(r io.Reader, max int64) (name string, size int64, err error) {
	f, err := os.CreateTemp(s.dir, "new-")
	if err != nil {
		return "", 0, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
			s.release(size)
		}
	}()
	sum := sha256.New()
	w := io.MultiWriter(f, sum)
	buf := make([]byte, 64<<10)
	for {
		n, readErr := r.Read(buf)
		if size+int64(n) > max {
			return "", size, tooLarge(max)
		}
		if err = s.reserve(int64(n)); err != nil {
			return "", size, err
		}
		size += int64(n)
		s.comes()
		if _, err = w.Write(buf[:n]); err != nil {
			return "", size, fault.Wrap(fault.Internal, op, err, "the file could not be kept")
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return "", size, readErr
		}
	}
	name = hex.EncodeToString(sum.Sum(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = os.Rename(f.Name(), filepath.Join(s.dir, name)); err != nil {
		return "", size, fault.Wrap(fault.Internal, op, err, "the file could not be kept")
	}
	e := s.files[name]
	if e == nil {
		there := make(chan struct{})
		close(there)
		e = &entry{busy: there}
		s.files[name] = e
	}
	s.used -= e.size
	e.size, e.last = size, time.Now()
	e.owed++
	return name, size, nil
}

// Upload is a file that Put has kept, in the hands of one who uses it.
type Upload struct {
	*os.File
	size  int64
	close func() error
}

// Size is the number of its bytes.
func (u *Upload) Size() int64 { return u.size }

// Close ends the use. A file is deleted when it was used as often as it was put.
func (u *Upload) Close() error { return u.close() }

// Get opens a file by the name that Put gave it. The caller closes it. The error is
// NotFound when the file is no longer here.
func (s *Spool) Get(name string) (*Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.files[name]
	if e == nil {
		return nil, fault.New(fault.NotFound, op, "the uploaded file is not here any more")
	}
	f, err := s.open(name, e)
	if err != nil {
		return nil, err
	}
	e.owed--
	e.taken++
	return &Upload{File: f, size: e.size, close: sync.OnceValue(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.taken--; e.taken == 0 && e.owed <= 0 && s.files[name] == e {
			s.remove(name, e)
		}
		return f.Close()
	})}, nil
}

// remove requires mu. Open files outlive it.
func (s *Spool) remove(name string, e *entry) {
	_ = os.Remove(filepath.Join(s.dir, name))
	s.used -= e.size
	delete(s.files, name)
}

// Fetch opens the file of a key; the caller closes it. If there is none, write makes it,
// with at most that many bytes, once for all who ask at the same time. Errors are those
// of write, and TooLarge and RateLimited as for Put.
func (s *Spool) Fetch(ctx context.Context, key string, most int64, write func(context.Context, *File) error) (*os.File, error) {
	sum := sha256.Sum256([]byte(key))
	name := "kept-" + hex.EncodeToString(sum[:])
	for {
		s.mu.Lock()
		e := s.files[name]
		if e == nil {
			break
		}
		s.mu.Unlock()
		select {
		case <-e.busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if e.err != nil && ctx.Err() == nil && (errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded)) {
			continue // another caller's fetch ended with that caller; this one goes on
		}
		if e.err != nil {
			return nil, e.err
		}
		s.mu.Lock()
		if s.files[name] != e { // swept in between
			s.mu.Unlock()
			continue
		}
		defer s.mu.Unlock()
		return s.open(name, e)
	}
	e := &entry{last: time.Now(), busy: make(chan struct{})}
	s.files[name] = e
	s.mu.Unlock()
	f, err := s.make(ctx, name, e, most, write)
	if err != nil {
		s.mu.Lock()
		delete(s.files, name)
		s.mu.Unlock()
	}
	e.err = err
	close(e.busy)
	return f, err
}

func (s *Spool) make(
	ctx context.Context, name string, e *entry, most int64, write func(context.Context, *File) error,
) (*os.File, error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	w := &File{f: f, spool: s, most: most}
	var size int64
	if err = write(ctx, w); err == nil {
		size, err = w.whole()
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		s.release(w.taken)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.size, e.last = size, time.Now()
	return f, nil
}

// open requires mu. An open file outlives its removal.
func (s *Spool) open(name string, e *entry) (*os.File, error) {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	e.last = time.Now()
	return f, nil
}

// Run sweeps until ctx ends, and then removes the directory. Open files outlive it.
func (s *Spool) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = os.RemoveAll(s.dir) // the next Open removes what is left
			return
		case now := <-tick.C:
			s.Sweep(now)
		}
	}
}

// Sweep removes the files that nobody has asked for within Keep before now. An upload
// stays while others come: they may be of the same call, and large.
func (s *Spool) Sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.files {
		select {
		case <-e.busy:
		default:
			continue
		}
		idle := now.Sub(e.last)
		if idle < Keep || e.taken > 0 || e.owed > 0 && now.Sub(s.coming) < Keep && idle < keepUploads {
			continue
		}
		s.remove(name, e)
	}
}

func (s *Spool) reserve(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n <= 0 {
		return nil
	}
	if s.used+n > s.limit {
		return &fault.Error{
			Kind: fault.RateLimited, Op: op, Code: "too_many_files",
			Msg: "too many files are on their way", RetryAfter: Keep,
		}
	}
	if free, known := freeOn(s.dir); known && free-n < leaveFree {
		return &fault.Error{
			Kind: fault.Unavailable, Op: op, Code: "disk_full",
			Msg: "the server's disk is nearly full", RetryAfter: Keep,
		}
	}
	s.used += n
	return nil
}

// Room tells whether n more bytes would be taken, with the errors of Put.
func (s *Spool) Room(n int64) error {
	err := s.reserve(n)
	if err == nil {
		s.release(n)
	}
	return err
}

// freeOn is how many bytes can still be written to the disk of a directory.
func freeOn(dir string) (free int64, known bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(min(fs.Bavail, 1<<40)) * fs.Bsize, true
}

func (s *Spool) comes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming = time.Now()
}

func (s *Spool) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}
