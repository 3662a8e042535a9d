package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

var idPattern = regexp.MustCompile(`^[a-z0-9]{12}$`)

// rundir is the run directory of one instance.
type rundir string

func (d rundir) lock() string { return filepath.Join(string(d), workerv1.LockFile) }

// attachPoint reads the attach file. identity is nil until its first line is
// complete, socket is empty until the second is.
func (d rundir) attachPoint() (identity *workerv1.Identity, socket string, err error) {
	b, err := readNote(filepath.Join(string(d), workerv1.AttachFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read attach file: %w", err)
	}
	first, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return nil, "", nil
	}
	identity = new(workerv1.Identity)
	if err := json.Unmarshal(first, identity); err != nil {
		return nil, "", fmt.Errorf("parse identity in attach file: %w", err)
	}
	second, _, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return identity, "", nil
	}
	socket, err = d.parseHandshake(strings.TrimSpace(string(second)))
	if err != nil {
		return nil, "", err
	}
	return identity, socket, nil
}

// parseHandshake takes the socket out of go-plugin's line, which reads
// 1|<contract>|unix|<path>|grpc|<certificate or empty>.
func (d rundir) parseHandshake(line string) (string, error) {
	f := strings.Split(line, "|")
	if len(f) < 5 || f[0] != "1" || f[2] != "unix" || f[4] != "grpc" {
		return "", fmt.Errorf("parse handshake line %q: not a gRPC plugin on a unix socket", line)
	}
	// The name is enough: whoever could make us dial elsewhere is not our worker.
	return filepath.Join(string(d), filepath.Base(f[3])), nil
}

// lastWords returns what a worker of that generation left, or nil.
func (d rundir) lastWords(generation uint64) *workerv1.LastWords {
	b, err := readNote(filepath.Join(string(d), workerv1.LastWordsFile))
	if err != nil {
		return nil
	}
	var w workerv1.LastWords
	if json.Unmarshal(b, &w) != nil || w.Generation != generation {
		return nil
	}
	return &w
}

// sweep removes sockets, attach file and last words. The lock file stays: a
// starting worker may already have it open, and a new file would be a new lock.
func (d rundir) sweep() error {
	names, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read run directory: %w", err)
	}
	var errs error
	for _, n := range names {
		switch name := n.Name(); {
		case strings.HasPrefix(name, "plugin"), name == workerv1.AttachFile, name == workerv1.LastWordsFile:
			if err := os.Remove(filepath.Join(string(d), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = errors.Join(errs, err)
			}
		}
	}
	return errs
}

// remove deletes the directory with its lock, for an instance that is gone for good.
func (d rundir) remove() error {
	if err := os.RemoveAll(string(d)); err != nil {
		return fmt.Errorf("remove run directory: %w", err)
	}
	return nil
}

// Above this size a log is set aside at the next start, replacing the one set aside before.
const maxLogBytes = 32 << 20

// openLog opens a worker's log for appending and returns where this worker's
// output will begin.
func openLog(path string) (*os.File, int64, error) {
	if fi, err := os.Stat(path); err == nil && fi.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("set old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("seek log: %w", err)
	}
	return f, at, nil
}

// logSize is where output written from now on will begin, -1 when there is no log.
func logSize(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return fi.Size()
}

// logTail says in one line what a worker that left no last words printed at its
// end: the first line of a Go panic or fatal error, or else its last line.
func logTail(path string, from int64) string {
	const window, limit = 64 << 10, 200
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size <= from {
		return ""
	}
	at := max(from, size-window)
	b, err := io.ReadAll(io.NewSectionReader(f, at, size-at))
	if err != nil {
		return ""
	}
	line := ""
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		line = l
		if strings.HasPrefix(l, "panic: ") || strings.HasPrefix(l, "fatal error: ") {
			break
		}
	}
	line = strings.ToValidUTF8(line, "?")
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "") + "…"
	}
	return line
}
