package spool

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
)

func open(t *testing.T, limit int64) *Spool {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "spool"), limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Spool) left(t *testing.T) int {
	t.Helper()
	found, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func read(t *testing.T, f io.ReadCloser, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPut(t *testing.T) {
	s := open(t, 10)
	name, size, err := s.Put(strings.NewReader("abc"), 5)
	if err != nil || size != 3 || name != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatalf("%s %d %v", name, size, err)
	}
	f, err := s.Get(name)
	if got := read(t, f, err); got != "abc" {
		t.Errorf("kept %q", got)
	}
	if again, _, err := s.Put(strings.NewReader("abc"), 5); again != name || err != nil {
		t.Errorf("again: %s %v", again, err)
	}
	if _, _, err = s.Put(strings.NewReader("123456"), 5); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, _, err = s.Put(strings.NewReader("12345678"), 8); !fault.Is(err, fault.RateLimited) {
		t.Errorf("over the limit of all: %v", err)
	}
	broken := errors.New("the line broke")
	if _, _, err = s.Put(io.MultiReader(strings.NewReader("12"), failing{broken}), 8); !errors.Is(err, broken) {
		t.Errorf("broken off: %v", err)
	}
	if s.used != 3 || s.left(t) != 1 {
		t.Errorf("%d bytes in %d files", s.used, s.left(t))
	}
	if _, err = s.Get("../spool"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a name that is none: %v", err)
	}
	s.Sweep(time.Now().Add(Keep))
	if _, err = s.Get(name); !fault.Is(err, fault.NotFound) || s.used != 0 || s.left(t) != 0 {
		t.Errorf("swept: %v, %d bytes", err, s.used)
	}
}

// TestUsedFilesAreDeleted: the same bytes may have been put more than once, and stay for
// whoever has not used them yet.
func TestUsedFilesAreDeleted(t *testing.T) {
	s := open(t, 100)
	put := func() string {
		t.Helper()
		name, _, err := s.Put(strings.NewReader("abc"), 5)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	name := put()
	put()
	first, err := s.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil || s.left(t) != 1 {
		t.Errorf("after the first use: %v, %d files", err, s.left(t))
	}
	second, err := s.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.Get(name) // a call may name a file twice
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	s.Sweep(time.Now().Add(2 * keepUploads))
	if s.left(t) != 1 {
		t.Error("swept while it is used")
	}
	third.Close()
	if _, err := s.Get(name); !fault.Is(err, fault.NotFound) || s.used != 0 || s.left(t) != 0 {
		t.Errorf("after all uses: %v, %d bytes in %d files", err, s.used, s.left(t))
	}
	// One that nobody uses stays while others come, but not for ever.
	put()
	s.coming = time.Now().Add(Keep)
	if s.Sweep(time.Now().Add(Keep)); s.left(t) != 1 {
		t.Error("swept while others come")
	}
	s.coming = time.Now().Add(keepUploads)
	if s.Sweep(time.Now().Add(keepUploads)); s.left(t) != 0 || s.used != 0 {
		t.Error("an upload that nobody uses stays")
	}
}

func TestRoomIsAskedFor(t *testing.T) {
	s := open(t, 1<<60)
	if err := s.Room(1 << 59); !fault.Is(err, fault.Unavailable) {
		t.Errorf("more than the disk has: %v", err)
	}
	if err := s.Room(1 << 61); !fault.Is(err, fault.RateLimited) {
		t.Errorf("more than the limit: %v", err)
	}
	if err := s.Room(1); err != nil || s.used != 0 {
		t.Errorf("a byte: %v, %d used", err, s.used)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFetchOnceForAll(t *testing.T) {
	s := open(t, 100)
	var made atomic.Int32
	begun, gate := make(chan struct{}), make(chan struct{})
	write := func(_ context.Context, f *File) error {
		if made.Add(1) == 1 {
			close(begun)
		}
		<-gate
		_, err := f.Write([]byte("whole"))
		return err
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			f, err := s.Fetch(t.Context(), "m", 50, write)
			if got := read(t, f, err); got != "whole" {
				t.Errorf("got %q", got)
			}
		})
	}
	<-begun
	close(gate)
	all.Wait()
	if made.Load() != 1 || s.used != 5 {
		t.Errorf("made %d times, %d bytes", made.Load(), s.used)
	}
	f, err := s.Fetch(t.Context(), "m", 50, write)
	s.Sweep(time.Now().Add(Keep))
	if got := read(t, f, err); got != "whole" {
		t.Errorf("swept while open: %q", got)
	}
	if s.left(t) != 0 {
		t.Error("not swept")
	}
}

func TestFetchThatFails(t *testing.T) {
	s := open(t, 100)
	bad := errors.New("no")
	if _, err := s.Fetch(t.Context(), "m", 50, func(context.Context, *File) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("failed: %v", err)
	}
	// What comes counts, and not what somebody said would come.
	filled := func(n int) func(context.Context, *File) error {
		return func(_ context.Context, f *File) error {
			_, err := io.Copy(f, io.LimitReader(zeros{}, int64(n)))
			return err
		}
	}
	if _, err := s.Fetch(t.Context(), "m", 1000, filled(101)); !fault.Is(err, fault.RateLimited) {
		t.Errorf("over the limit of all: %v", err)
	}
	if _, err := s.Fetch(t.Context(), "m", 50, filled(51)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large: %v", err)
	}
	if s.used != 0 || s.left(t) != 0 {
		t.Errorf("%d bytes in %d files are left", s.used, s.left(t))
	}
	// The one who fetches goes away; another who waits gets it all the same.
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := s.Fetch(ctx, "m", 50, func(ctx context.Context, _ *File) error { close(begun); <-ctx.Done(); return ctx.Err() })
		first <- err
	}()
	<-begun
	second := make(chan string, 1)
	go func() {
		f, err := s.Fetch(t.Context(), "m", 50, func(_ context.Context, f *File) error {
			_, err := io.Copy(f, bytes.NewReader([]byte("here")))
			return err
		})
		second <- read(t, f, err)
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	if got := <-second; got != "here" {
		t.Errorf("the second: %q", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestAFileThatGrows: whatsmeow writes, reads back, overwrites and cuts.
func TestAFileThatGrows(t *testing.T) {
	s := open(t, 100)
	decrypt := func(f *File) error {
		if _, err := f.Write([]byte("cipher text, mac")); err != nil {
			return err
		}
		if err := f.Truncate(11); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if all, err := io.ReadAll(f); string(all) != "cipher text" || err != nil {
			t.Errorf("read back %q, %v", all, err)
		}
		_, err := f.WriteAt([]byte("plain!"), 0)
		return err
	}
	p, err := s.Pass(16, decrypt)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(p); string(got) != "plain! text" || err != nil || p.Size() != 11 || s.used != 11 || s.left(t) != 0 {
		t.Errorf("%q, %v; %d bytes of %d used, %d files", got, err, p.Size(), s.used, s.left(t))
	}
	if err := p.Close(); err != nil || s.used != 0 {
		t.Errorf("closed: %v, %d bytes used", err, s.used)
	}
	// Beyond the bound it fails for good, also at another place and on another try.
	if _, err := s.Pass(15, func(f *File) error {
		_ = decrypt(f)
		_, _ = f.Seek(0, io.SeekStart)
		_, err := f.Write([]byte("small"))
		return err
	}); !fault.Is(err, fault.TooLarge) || s.used != 0 {
		t.Errorf("%v, %d bytes used", err, s.used)
	}
	if _, err := s.Pass(1000, func(f *File) error { _, err := f.WriteAt([]byte("x"), 100); return err }); !fault.Is(err, fault.RateLimited) || s.used != 0 {
		t.Errorf("%v, %d bytes used", err, s.used)
	}
}
