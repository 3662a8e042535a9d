package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leftovers ends the product as a person does and looks for what is left of it:
// processes, connections, open ports, sockets, locks, temporary files.
func (l *chaosLab) leftovers(ctx context.Context, v *verdict) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := l.stack.Stop(ctx); err != nil {
		v.fail("%v", err)
	}
	for _, p := range l.stack.Processes() {
		v.fail("a process is left: %d %s", p.PID, p.Command)
	}
	for l.Sim.Connections() > 0 && ctx.Err() == nil {
		time.Sleep(20 * ms) // the simulator hears of the end of a connection a moment later
	}
	if n := l.Sim.Connections(); n > 0 {
		v.fail("%d connections to WhatsApp are left", n)
	}
	address := strings.TrimPrefix(l.stack.Client.Base, "http://")
	// Also when the time is up: an error has to mean that nobody listens.
	if conn, err := new(net.Dialer).DialContext(context.WithoutCancel(ctx), "tcp", address); err == nil {
		_ = conn.Close()
		v.fail("somebody still listens at %s", l.stack.Client.Base)
	}
	err := filepath.WalkDir(l.stack.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.Type()&fs.ModeSocket != 0:
			v.fail("a socket is left: %s", path)
		case name == "attach" || name == "postmaster.pid" || strings.HasSuffix(name, ".tmp") ||
			strings.HasPrefix(name, "pgsql_tmp") && !entry.IsDir():
			v.fail("a file is left: %s", path)
		case strings.HasSuffix(name, "lock") && entry.Type().IsRegular():
			if held, err := locked(path); err != nil || held {
				v.fail("the lock %s is held (%v)", path, err)
			}
		}
		return nil
	})
	if err != nil {
		v.fail("look for files: %v", err)
	}
}

// locked tells whether a process holds a record lock on the file.
func locked(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	ask := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &ask); err != nil {
		return false, err
	}
	return ask.Type != unix.F_UNLCK, nil
}

// keepLogs copies what manager, workers and Postgres logged to where the options
// want it.
func (l *chaosLab) keepLogs() error {
	if l.o.logs == "" {
		return nil
	}
	logs, err := l.stack.Logs()
	if err != nil {
		return err
	}
	for name, text := range logs {
		path := filepath.Join(l.o.logs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
