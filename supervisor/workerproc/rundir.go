package workerproc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

var idPattern = regexp.MustCompile(`^[a-z0-9]{12}$`)

// IsInstance reports whether a name may be that of an instance: it has twelve
// characters of a-z and 0-9.
func IsInstance(name string) bool { return idPattern.MatchString(name) }

// Dir is the run directory of one instance.
type Dir string

// DirOf returns the run directory of an instance below the directory of all.
func DirOf(runDir, instance string) Dir { return Dir(filepath.Join(runDir, instance)) }

func (d Dir) lock() string { return filepath.Join(string(d), workerv1.LockFile) }

// LockHolder asks the kernel who holds the lock of the directory. A missing
// file is held by nobody. Held with PID 0 means a process of another PID
// namespace.
func (d Dir) LockHolder() (pid int, held bool, err error) { return lockHolder(d.lock()) }

// AttachPoint reads the attach file. identity is nil until its first line is
// complete, socket is empty until the second is.
func (d Dir) AttachPoint() (identity *workerv1.Identity, socket string, err error) {
	b, err := ReadNote(filepath.Join(string(d), workerv1.AttachFile))
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
func (d Dir) parseHandshake(line string) (string, error) {
	f := strings.Split(line, "|")
	if len(f) < 5 || f[0] != "1" || f[2] != "unix" || f[4] != "grpc" {
		return "", fmt.Errorf("parse handshake line %q: not a gRPC plugin on a unix socket", line)
	}
	// The name is enough: whoever could make us dial elsewhere is not our worker.
	return filepath.Join(string(d), filepath.Base(f[3])), nil
}

// LastWords returns what a worker of that generation left, or nil.
func (d Dir) LastWords(generation uint64) *workerv1.LastWords {
	b, err := ReadNote(filepath.Join(string(d), workerv1.LastWordsFile))
	if err != nil {
		return nil
	}
	var w workerv1.LastWords
	if json.Unmarshal(b, &w) != nil || w.Generation != generation {
		return nil
	}
	return &w
}

// Sweep removes sockets, attach file, last words and the files of calls. The lock file stays: a
// starting worker may already have it open, and a new file would be a new lock.
func (d Dir) Sweep() error {
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
		case name == workerv1.SpoolDir:
			errs = errors.Join(errs, os.RemoveAll(filepath.Join(string(d), name)))
		}
	}
	return errs
}

// Remove deletes the directory with its lock, for an instance that is gone for good.
func (d Dir) Remove() error {
	if err := os.RemoveAll(string(d)); err != nil {
		return fmt.Errorf("remove run directory: %w", err)
	}
	return nil
}
