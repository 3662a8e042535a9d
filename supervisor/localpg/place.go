package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketName    = ".s.PGSQL.5432"
	maxSocketPath = 107 // sun_path without its terminating zero
)

// place says where the parts of a cluster are; all paths are absolute and
// without symbolic links.
type place struct {
	home string
}

func (p place) data() string     { return filepath.Join(p.home, "data") }
func (p place) log() string      { return filepath.Join(p.home, "log") }
func (p place) startLog() string { return filepath.Join(p.log(), "start.log") }
func (p place) pidFile() string  { return filepath.Join(p.data(), "postmaster.pid") }
func (p place) initialised() bool {
	_, err := os.Stat(filepath.Join(p.data(), "PG_VERSION"))
	return err == nil
}

// major returns the version that made the data directory, 0 when there is none.
func (p place) major() (int, error) {
	b, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read data directory version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(b), ".", 2)[0]))
	if err != nil {
		return 0, fmt.Errorf("read data directory version: %w", err)
	}
	return major, nil
}

// remembered returns home as earlier runs chose it.
func remembered(dataDir string) (place, error) {
	pointer := filepath.Join(dataDir, "location")
	b, err := os.ReadFile(pointer)
	if errors.Is(err, fs.ErrNotExist) {
		return place{home: dataDir}, nil
	}
	if err != nil {
		return place{}, fmt.Errorf("read cluster location: %w", err)
	}
	home := strings.TrimSuffix(string(b), "\n")
	if _, err := os.Stat(home); err != nil {
		return place{}, fmt.Errorf("find cluster: %s says it is in %s: %w; bring the directory back, or remove the file to begin with an empty database", pointer, home, err)
	}
	return place{home: home}, nil
}

// reachable makes sure that the account can enter home, and moves a cluster
// that does not exist yet to the fallback directory when it cannot.
func reachable(ctx context.Context, p place, dataDir, fallback, probe string, acc account) (place, error) {
	if !acc.drop {
		return p, nil
	}
	err := canEnter(ctx, p.home, probe, acc)
	if err == nil {
		return p, nil
	}
	if p.initialised() || p.home != dataDir {
		return place{}, fmt.Errorf("enter %s as user %s: %w", p.home, acc.name, err)
	}
	home := filepath.Join(fallback, "postgres-"+digest(dataDir))
	if err := os.MkdirAll(home, 0o711); err != nil {
		return place{}, fmt.Errorf("make cluster directory: %w", err)
	}
	if err := canEnter(ctx, home, probe, acc); err != nil {
		return place{}, fmt.Errorf("enter %s as user %s: %w (nor can it enter %s)", home, acc.name, err, dataDir)
	}
	// The directory exists before the pointer names it, so that a pointer to
	// nothing always means lost data and never an interrupted first start.
	if err := writeFile(filepath.Join(dataDir, "location"), home+"\n"); err != nil {
		return place{}, fmt.Errorf("remember cluster location: %w", err)
	}
	return place{home: home}, nil
}

// canEnter asks the kernel by entering dir as the account: permission bits of
// the parents alone would miss access lists and mount options.
func canEnter(ctx context.Context, dir, probe string, acc account) error {
	cmd := exec.CommandContext(ctx, probe, "--version")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: acc.credential()}
	return cmd.Run()
}

// socketDir returns a directory of the account's for the socket: in home, or with a short name elsewhere when the path of the socket
// would be too long or could not be written into a connection string.
func (p place) socketDir(acc account) (string, error) {
	own := filepath.Join(p.home, "run")
	dirs := []string{own}
	if !fitsSocket(own) {
		name := "wam-pg-" + digest(p.home)
		dirs = nil
		if acc.drop {
			dirs = append(dirs, filepath.Join("/run", name))
		} else if x := os.Getenv("XDG_RUNTIME_DIR"); x != "" {
			dirs = append(dirs, filepath.Join(x, name))
		}
		dirs = append(dirs, filepath.Join("/tmp", fmt.Sprintf("%s-%d", name, acc.uid)))
	}
	var errs []error
	for _, dir := range dirs {
		if !fitsSocket(dir) {
			continue
		}
		err := dirOf(dir, acc, socketDirMode(acc))
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("make socket directory: %w", errors.Join(errs...))
}

func fitsSocket(dir string) bool {
	return len(filepath.Join(dir, socketName)) <= maxSocketPath && !strings.ContainsAny(dir, `,"`)
}

// privateDir makes dir, or makes sure that an existing one is a directory of
// the account's that nobody else may enter: in /tmp others may have been first.
func privateDir(dir string, acc account) error { return dirOf(dir, acc, 0o700) }

func dirOf(dir string, acc account, mode fs.FileMode) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = acc.own(dir)
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if uid, _ := ownerOf(st); !st.IsDir() || uid != acc.uid {
		return fmt.Errorf("%s exists and does not belong to user %s", dir, acc.name)
	}
	return os.Chmod(dir, mode)
}

// Where all is of one user, the socket is closed to others. A manager that is
// root has workers of another user than the cluster's, for whom their password
// is the key.
func socketDirMode(acc account) fs.FileMode {
	if acc.drop {
		return 0o711
	}
	return 0o700
}

func socketMode(acc account) fs.FileMode {
	if acc.drop {
		return 0o777
	}
	return 0o700
}

func digest(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}

// writeFile replaces path at once and durably.
func writeFile(path, content string) error {
	return replaceFile(path, content, os.Geteuid(), os.Getegid())
}

// writeLike is writeFile for a file of the user whom like belongs to.
func writeLike(path, content, like string) error {
	st, err := os.Stat(like)
	if err != nil {
		return err
	}
	uid, gid := ownerOf(st)
	return replaceFile(path, content, uid, gid)
}

func replaceFile(path, content string, uid, gid int) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if err == nil && uid != os.Geteuid() {
		err = f.Chown(uid, gid)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
