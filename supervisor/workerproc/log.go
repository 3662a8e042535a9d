package workerproc

import (
	"fmt"
	"io"
	"os"
	"strings"
)

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

// LogSize is where output written from now on will begin, -1 when there is no log.
func LogSize(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return fi.Size()
}

// LogTail says in one line what a worker that left no last words printed at its
// end: the first line of a Go panic or fatal error, or else its last line.
func LogTail(path string, from int64) string {
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
