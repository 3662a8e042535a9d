package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	wire "whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/egress"
)

// What a worker writes into its run directory is read by the manager, which may
// do what the worker may not. So nothing there is followed, waited for, or
// believed to be short.
const maxNote = 64 << 10

// readNote reads a small regular file of a run directory.
func readNote(path string) ([]byte, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxNote+1))
	if err == nil && len(b) > maxNote {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxNote)
	}
	return b, err
}

// openPlain opens a regular file to be read: no link, no pipe that would have to
// be waited for, no device.
func openPlain(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a regular file", path), err, f.Close())
	}
	return f, nil
}

// clearLinks removes what an earlier worker left under the names of files that the
// next one needs, and that is no file: it would keep the instance from starting
// for ever. The files of a live worker are such.
func clearLinks(dir string) error {
	for _, name := range []string{workerv1.LockFile, workerv1.AttachFile, workerv1.LastWordsFile, workerv1.LastWordsFile + ".new"} {
		path := filepath.Join(dir, name)
		if fi, err := os.Lstat(path); err != nil || fi.Mode().IsRegular() {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("clear run directory: %w", err)
		}
	}
	return nil
}

// workerUID is the user of our workers.
func (c Config) workerUID() int {
	if c.WorkerUser != nil {
		return c.WorkerUser.UID
	}
	return os.Geteuid()
}

// giveTo makes a run directory, with what an earlier worker left in it, the
// worker's own. No process of the instance lives. It is for a first start, and
// after the workers' user was changed.
func (c Config) giveTo(dir string) error {
	uid, gid := os.Geteuid(), os.Getegid()
	if c.WorkerUser != nil {
		uid, gid = c.WorkerUser.UID, c.WorkerUser.GID
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) == uid {
		return nil
	}
	// The directory comes last: it says that all of it is done.
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		// A second name may be of a file that is none of ours.
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || !e.IsDir() && (!fi.Mode().IsRegular() || st.Nlink != 1) {
			return os.Remove(path)
		}
		return os.Lchown(path, uid, gid)
	})
	if err == nil {
		err = os.Lchown(dir, uid, gid)
	}
	if err != nil {
		return fmt.Errorf("give run directory to uid %d: %w", uid, err)
	}
	return nil
}

// showLock lets workers of earlier builds ask who holds the manager's lock, when
// they are run as the workers' user: those of this build know us by our user.
func (c Config) showLock(lock *os.File) error {
	if c.WorkerUser == nil {
		return nil
	}
	if err := errors.Join(lock.Chown(-1, c.WorkerUser.GID), lock.Chmod(0o640)); err != nil {
		return fmt.Errorf("show manager lock to workers: %w", err)
	}
	return nil
}

func (c Config) egressSocket() string { return filepath.Join(c.RunDir, wire.Socket) }

// serveEgress offers connections to our workers until ctx ends. Without it they
// cannot fetch what users name by URL, and everything else goes on.
func (s *Supervisor) serveEgress(ctx context.Context) {
	group := -1
	if s.cfg.WorkerUser != nil {
		group = s.cfg.WorkerUser.GID
	}
	listener, err := egress.Listen(s.cfg.egressSocket(), group)
	if err != nil {
		s.log.Error().Err(err).Msg("no file can be fetched by URL")
		return
	}
	s.egress.Serve(ctx, listener)
}

// asker names the instance whose worker a process is: the one that we pinned,
// not what it started, and not a worker that somebody else started.
func (s *Supervisor) asker(cred *unix.Ucred) (instance string, ok bool) {
	if uid := int(cred.Uid); uid != s.cfg.workerUID() && uid != os.Geteuid() { // ours: of a build that runs as we do
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, i := range s.instances {
		if p := i.process(); p != nil && p.pid == int(cred.Pid) {
			return string(id), !p.ended()
		}
	}
	return "", false
}

func newEgress(s *Supervisor) (*egress.Server, error) {
	allowed, err := netguard.Networks(s.cfg.MediaNetworks)
	if err != nil {
		return nil, fmt.Errorf("read MediaNetworks: %w", err)
	}
	return egress.New(egress.Limits{}, allowed, s.asker, s.log), nil
}

const systemResolver = "/etc/resolv.conf"

// resolverDir holds a copy of resolv.conf and nothing else, so that workers may
// read the directory: a permission for the system's own file ends when it is
// replaced.
func (c Config) resolverDir() string { return filepath.Join(c.RunDir, "resolver") }

// copyResolver keeps the copy up to date.
func (s *Supervisor) copyResolver(ctx context.Context) {
	tick := time.NewTicker(s.cfg.HealthInterval)
	defer tick.Stop()
	var last []byte
	for {
		if now, err := os.ReadFile(systemResolver); err == nil && !bytes.Equal(now, last) {
			if err := s.cfg.writeResolver(now); err != nil {
				s.log.Warn().Err(err).Msg("workers are not told of the new name servers")
			} else {
				last = now
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c Config) writeResolver(text []byte) error {
	file := filepath.Join(c.resolverDir(), filepath.Base(systemResolver))
	if err := os.WriteFile(file+unfinished, text, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(file+unfinished, 0o644); err != nil {
		return err
	}
	return os.Rename(file+unfinished, file)
}
