package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// initialise makes the cluster beside its final place and moves it there when
// it is complete: an initdb that was killed leaves no half cluster.
func initialise(ctx context.Context, p place, bin binaries, acc account, cfg Config) error {
	if st, err := os.Stat(p.data()); err == nil && st.IsDir() {
		entries, err := os.ReadDir(p.data())
		if err != nil {
			return fmt.Errorf("make cluster: %w", err)
		}
		if len(entries) > 0 {
			return fmt.Errorf("make cluster: %s is neither empty nor a PostgreSQL data directory", p.data())
		}
		if err := os.Remove(p.data()); err != nil {
			return fmt.Errorf("make cluster: %w", err)
		}
	}
	leftovers, _ := filepath.Glob(filepath.Join(globEscape(p.home), "new-*"))
	for _, l := range leftovers {
		// The server that a killed initdb had started writes for a moment more.
		tries := 0
		err := until(ctx, "remove half a cluster", func() (bool, error) {
			err := os.RemoveAll(l)
			if tries++; tries > 500 {
				return false, err
			}
			return err == nil, nil
		})
		if err != nil {
			return fmt.Errorf("make cluster: %w", err)
		}
	}
	fresh, err := os.MkdirTemp(p.home, "new-")
	if err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := acc.own(fresh); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	password, err := secret(p.superuserSecret())
	if err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := initdb(ctx, fresh, password, bin, acc, cfg.Throwaway); err != nil {
		return err
	}
	if err := includeTuned(fresh); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	return syncDir(p.home)
}

// initdb prefers a locale that folds the case of all scripts, so that searches
// ignore it, and takes plain C where the system has no such locale.
func initdb(ctx context.Context, dir, password string, bin binaries, acc account, throwaway bool) error {
	file, err := passwordFile(password, acc)
	if err != nil {
		return fmt.Errorf("hand superuser's password to initdb: %w", err)
	}
	defer file.Close()
	var errs []error
	for _, locale := range []string{"C.UTF-8", "C"} {
		args := []string{"-D", dir, "-U", superuser, "-E", "UTF8", "--locale=" + locale, "--auth=scram-sha-256", "--pwfile=/proc/self/fd/3"}
		if throwaway {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, bin.path("initdb"), args...)
		cmd.Dir = filepath.Dir(dir)
		cmd.Env = environment()
		cmd.ExtraFiles = []*os.File{file}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: acc.credential(), Pdeathsig: syscall.SIGKILL}
		out, err := output(cmd)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("run initdb: %w", ctx.Err())
		}
		errs = append(errs, fmt.Errorf("run %s: %w: %s", bin.path("initdb"), err, lastLines(string(out), 3)))
		if !strings.Contains(string(out), "locale") {
			break
		}
	}
	return errors.Join(errs...)
}

// output keeps to one thread, since the kernel takes the end of the thread that
// forked for the end of the parent.
func output(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

// passwordFile is one without a name, so that the password lies nowhere after
// a crash. The account opens it again through its descriptor.
func passwordFile(password string, acc account) (*os.File, error) {
	f, err := os.CreateTemp("", "initdb-*")
	if err != nil {
		return nil, err
	}
	err = os.Remove(f.Name())
	if err == nil && acc.drop {
		err = f.Chown(acc.uid, acc.gid)
	}
	if err == nil {
		_, err = f.WriteString(password + "\n")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func includeTuned(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\ninclude_if_exists '%s'\n# Your own settings go below this line.\n", tunedFile)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
