package workerproc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workeruser"
)

// What a worker writes into its run directory is read by the manager, which may
// do what the worker may not. So nothing there is followed, waited for, or
// believed to be short.
const maxNote = 64 << 10

// ReadNote reads a small regular file of a run directory.
func ReadNote(path string) ([]byte, error) {
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

// giveTo makes a run directory, with what an earlier worker left in it, the
// worker's own. No process of the instance lives. It is for a first start, and
// after the workers' user was changed.
func giveTo(user *workeruser.User, dir string) error {
	uid, gid := os.Geteuid(), os.Getegid()
	if user != nil {
		uid, gid = user.UID, user.GID
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
