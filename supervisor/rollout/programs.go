package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

// Program names a build of the worker's program by its content: two builds may
// carry the same version, and the same build may be installed twice.
type Program string

// programs keeps the builds of the worker's program that may be needed: copies
// in a directory of ours, so that replacing the installed file changes nothing
// until it is meant to, and the way back stays open even after kill -9 or a
// reboot. Safe for concurrent use.
type programs struct {
	dir       string // empty: nothing is kept
	installed string // what the operator replaces

	mu     sync.Mutex
	book   programBook        // guarded by mu
	newest Program            // guarded by mu; what installed was when prepare looked, empty where nothing is kept
	given  map[string]Program // guarded by mu; by instance: the build that an attempt gave it, for its starts from now on
}

// programBook is what has to survive this process.
type programBook struct {
	Contract int      `json:"contract"`          // below ours: written by a manager whose workers ours cannot start
	Trusted  Program  `json:"trusted"`           // every start uses it, unless an attempt at another one says otherwise
	Trying   *trial   `json:"trying,omitempty"`  // a worker was given a build that is not trusted, and there is no verdict yet
	Refused  *refusal `json:"refused,omitempty"` // the build that did not come back; not tried again by itself
	Seen     sighting `json:"seen"`              // the installed file at the last look, which saves reading it at every start
}

type sighting struct {
	Dev, Ino uint64
	Size     int64
	Changed  int64 // nanoseconds; nobody can set it back
	Program  Program
}

type trial struct {
	Instance string  `json:"instance"`
	Program  Program `json:"program"`
	Online   bool    `json:"online"` // so it was before, and has to be again
}

type refusal struct {
	Program  Program   `json:"program"`
	Instance string    `json:"instance"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
}

// contract counts what a worker's build has to agree on with the manager beside
// the wire. 1: it uses the database by a role of its own, and makes no tables.
// A build of an earlier contract would not find its way in, so there is no way
// back to it.
const contract = 1

const (
	bookFile      = "programs.json"
	unfinished    = ".new"
	programPrefix = 16 // hex digits of the SHA-256
)

// prepare takes the installed program in. alive are the processes of workers of
// an earlier manager: where the trusted build is lost, theirs is the way back.
func (p *programs) prepare(alive []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == "" {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o711); err != nil {
		return fmt.Errorf("make directory of programs: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(p.dir, &fs); err != nil {
		return fmt.Errorf("look at directory of programs: %w", err)
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("no program may be executed in %s: it is mounted noexec", p.dir)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, bookFile))
	known := err == nil
	if err == nil {
		err = json.Unmarshal(b, &p.book)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read which program is trusted: %w", err)
	}
	seen, err := inspect(p.installed)
	if err != nil {
		return err
	}
	seen.Program = p.book.Seen.Program
	newest := seen.Program
	if _, err := os.Stat(p.path(newest)); seen != p.book.Seen || err != nil {
		if newest, err = p.keep(p.installed); err != nil {
			return err
		}
		seen.Program = newest
		p.book.Seen = seen
		if err := p.write(); err != nil {
			return err
		}
	}
	p.newest = newest
	if known && p.book.Contract < contract {
		p.book.Contract, p.book.Trusted, p.book.Trying, p.book.Refused = contract, newest, nil, nil
		return p.write()
	}
	if _, err := os.Stat(p.path(p.book.Trusted)); p.book.Trusted != "" && err == nil {
		return nil
	}
	p.book.Contract, p.book.Trusted = contract, newest
	for _, pid := range alive {
		// The link leads to the file even when it was replaced or deleted.
		if old, err := p.keep(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && old != newest {
			p.book.Trusted = old
			break
		}
	}
	return p.write()
}

func inspect(file string) (sighting, error) {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return sighting{}, fmt.Errorf("look at program: %w", err)
	}
	//nolint:unconvert // Dev is narrower on some platforms
	return sighting{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Changed: st.Ctim.Nano()}, nil
}

// keep copies a program and returns its name. mu is held.
func (p *programs) keep(from string) (Program, error) {
	id, err := programOf(from)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(p.path(id)); err == nil {
		return id, nil
	}
	in, err := os.Open(from)
	if err != nil {
		return "", fmt.Errorf("open program: %w", err)
	}
	defer in.Close()
	to := p.path(id)
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return "", fmt.Errorf("make directory of program: %w", err)
	}
	out, err := os.OpenFile(to+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return "", fmt.Errorf("copy program: %w", err)
	}
	// Workers may be of another user, whatever the umask says.
	if err := errors.Join(os.Chmod(filepath.Dir(to), 0o711), out.Chmod(0o755)); err != nil {
		return "", errors.Join(fmt.Errorf("copy program: %w", err), out.Close())
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("copy program: %w", err), os.Remove(to+unfinished))
	}
	if got := nameOf(sum.Sum(nil)); got != id {
		return "", errors.Join(fmt.Errorf("copy program: %s was written to meanwhile; install it by rename", from), os.Remove(to+unfinished))
	}
	if err := os.Rename(to+unfinished, to); err != nil {
		return "", fmt.Errorf("copy program: %w", err)
	}
	return id, nil
}

// path is where a build is kept. It has the installed program's name, by which
// people and the kernel know the process.
func (p *programs) path(id Program) string {
	return filepath.Join(p.dir, string(id), filepath.Base(p.installed))
}

// file is what to execute for a build; the installed program where nothing is kept.
func (p *programs) file(id Program) string {
	if id == "" {
		return p.installed
	}
	return p.path(id)
}

func (p *programs) read() (book programBook, newest Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.book, p.newest
}

// change persists a change of the book before it counts.
func (p *programs) change(f func(*programBook)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.book
	f(&p.book)
	if err := p.write(); err != nil {
		p.book = before
		return err
	}
	return nil
}

// write replaces the book's file. mu is held.
func (p *programs) write() error {
	b, err := json.Marshal(p.book)
	if err != nil {
		return fmt.Errorf("encode which program is trusted: %w", err)
	}
	name := filepath.Join(p.dir, bookFile)
	if err := os.WriteFile(name+unfinished, b, 0o600); err != nil {
		return fmt.Errorf("write which program is trusted: %w", err)
	}
	if err := os.Rename(name+unfinished, name); err != nil {
		return fmt.Errorf("write which program is trusted: %w", err)
	}
	return nil
}

// next is the build that the instance's next start uses; empty where none is kept.
func (p *programs) next(instance string) Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	given := p.given[instance]
	switch {
	case p.newest == "" && p.book.Trusted == "":
		return ""
	case given != "" && (p.book.Refused == nil || p.book.Refused.Program != given):
		return given
	}
	return p.book.Trusted
}

// give sets the build of an instance's starts from now on; empty: the trusted one.
func (p *programs) give(instance string, program Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if program == "" {
		delete(p.given, instance)
		return
	}
	p.given[instance] = program
}

// prune deletes the builds that nobody needs any more.
func (p *programs) prune(used map[Program]bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("list kept programs: %w", err)
	}
	var errs error
	for _, e := range entries {
		id := Program(e.Name())
		if e.IsDir() && len(id) == programPrefix && id != p.book.Trusted && id != p.newest && !used[id] {
			errs = errors.Join(errs, os.RemoveAll(filepath.Join(p.dir, e.Name())))
		}
	}
	return errs
}

// programOf names the program in a file by its content.
func programOf(file string) (Program, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	return nameOf(sum.Sum(nil)), nil
}

func nameOf(sum []byte) Program { return Program(hex.EncodeToString(sum)[:programPrefix]) }

// noteSuffix ends the name of the note that lies beside a run directory and says
// which build its worker is of, since /proc/PID/exe may not be read of a process
// that keeps its memory to itself. The note is not in the directory, where the
// worker could write it: what it names is executed when a build is taken back.
const noteSuffix = ".program"

// NoteFile is where the build of an instance's worker is noted.
func NoteFile(d workerproc.Dir) string { return string(d) + noteSuffix }

// Note writes down which build a worker is of. A write that fails costs the
// next manager a look at the process itself.
func (r *Rollout) Note(d workerproc.Dir, worker process.Identity, program Program) error {
	if program == "" {
		return nil
	}
	text := fmt.Sprintf("%d %d %s\n", worker.PID, worker.StartTicks, program)
	if err := os.WriteFile(NoteFile(d), []byte(text), 0o600); err != nil {
		return fmt.Errorf("note program: %w", err)
	}
	return nil
}

// ProgramOf returns the build that a live worker is of; empty when nobody can
// tell, or where no builds are kept.
func (r *Rollout) ProgramOf(d workerproc.Dir, worker process.Identity) Program {
	if r.cfg.Dir == "" {
		return ""
	}
	if b, err := workerproc.ReadNote(NoteFile(d)); err == nil {
		f := strings.Fields(string(b))
		if len(f) == 3 && f[0] == strconv.Itoa(worker.PID) && f[1] == strconv.FormatUint(worker.StartTicks, 10) {
			return Program(f[2])
		}
	}
	// Launched by a manager that died before its note, or that wrote none yet.
	id, err := programOf(fmt.Sprintf("/proc/%d/exe", worker.PID))
	if err != nil {
		return ""
	}
	return id
}
