package spool

import (
	"fmt"
	"io"
	"os"
	"sync"

	"whatsapp-manager/proto/fault"
)

// File is a file of the spool while it is written. It takes room in the spool as it
// grows. Once it grows beyond its bound, all further writes fail: the size that its
// writer was told came from a stranger. It is used by one goroutine at a time.
type File struct {
	f      *os.File
	spool  *Spool
	most   int64
	at     int64 // where the next Read or Write begins
	taken  int64 // bytes of the spool's room
	failed error
}

func tooLarge(most int64) error {
	msg := fmt.Sprintf("the file is larger than %d bytes", most)
	return &fault.Error{Kind: fault.TooLarge, Op: op, Field: "file", Msg: msg}
}

// grow takes the room for a file of this size.
func (w *File) grow(size int64) error {
	if w.failed == nil && size > w.most {
		w.failed = tooLarge(w.most)
	}
	if w.failed == nil && size > w.taken {
		if w.failed = w.spool.reserve(size - w.taken); w.failed == nil {
			w.taken = size
		}
	}
	return w.failed
}

// Write implements io.Writer.
func (w *File) Write(p []byte) (int, error) {
	if err := w.grow(w.at + int64(len(p))); err != nil {
		return 0, err
	}
	n, err := w.f.Write(p)
	w.at += int64(n)
	return n, err
}

// WriteAt implements io.WriterAt.
func (w *File) WriteAt(p []byte, at int64) (int, error) {
	if err := w.grow(at + int64(len(p))); err != nil {
		return 0, err
	}
	return w.f.WriteAt(p, at)
}

// Truncate changes the size. Room that was taken is kept until the file is whole.
func (w *File) Truncate(size int64) error {
	if err := w.grow(size); err != nil {
		return err
	}
	return w.f.Truncate(size)
}

// Read implements io.Reader.
func (w *File) Read(p []byte) (int, error) {
	n, err := w.f.Read(p)
	w.at += int64(n)
	return n, err
}

// ReadAt implements io.ReaderAt.
func (w *File) ReadAt(p []byte, at int64) (int, error) { return w.f.ReadAt(p, at) }

// Seek implements io.Seeker.
func (w *File) Seek(offset int64, whence int) (int64, error) {
	at, err := w.f.Seek(offset, whence)
	if err == nil {
		w.at = at
	}
	return at, err
}

// Stat describes the file.
func (w *File) Stat() (os.FileInfo, error) { return w.f.Stat() }

// whole ends the writing. The file is then at its start, and takes room for its size
// only.
func (w *File) whole() (int64, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	if _, err := w.f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	info, err := w.f.Stat()
	if err != nil {
		return 0, err
	}
	w.spool.release(w.taken - info.Size())
	w.taken = info.Size()
	return w.taken, nil
}

// Passing is a file without a name. It is deleted when it is closed, and when the
// process ends, however that is.
type Passing struct {
	*os.File
	size  int64
	close func() error
}

// Size is the number of its bytes.
func (p *Passing) Size() int64 { return p.size }

// Close gives the file's room back.
func (p *Passing) Close() error { return p.close() }

// Pass makes a file that only its caller sees, filled by write with at most that many
// bytes, and returns it at its start. The caller closes it. The error is that of write,
// or TooLarge or RateLimited as for Put.
func (s *Spool) Pass(most int64, write func(*File) error) (*Passing, error) {
	f, err := os.CreateTemp(s.dir, "new-")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	_ = os.Remove(f.Name())
	w := &File{f: f, spool: s, most: most}
	err = write(w)
	if err == nil {
		_, err = w.whole()
	}
	if err != nil {
		_ = f.Close()
		s.release(w.taken)
		return nil, err
	}
	return &Passing{File: f, size: w.taken, close: sync.OnceValue(func() error {
		s.release(w.taken)
		return f.Close()
	})}, nil
}
