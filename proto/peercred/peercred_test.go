package peercred_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/peercred"
)

// pair returns both ends of a connection whose client connected as uid, -1 for
// our own.
func pair(t *testing.T, uid int) (server, client net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wam")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755)) // another user has to reach the socket
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	must(t, err)
	defer listener.Close()
	must(t, os.Chmod(path, 0o777))
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		if uid >= 0 {
			// Of this thread only, which ends with the goroutine because it is never unlocked.
			runtime.LockOSThread()
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
				done <- dialled{nil, errno}
				return
			}
		}
		conn, err := net.Dial("unix", path)
		done <- dialled{conn, err}
	}()
	d := <-done
	must(t, d.err)
	t.Cleanup(func() { d.conn.Close() })
	server, err = listener.Accept()
	must(t, err)
	t.Cleanup(func() { server.Close() })
	return server, d.conn
}

func anybody(*unix.Ucred) error { return nil }

func TestAWorkerLetsInItsOwnUserOnly(t *testing.T) {
	server, _ := pair(t, -1)
	if conn, _, err := peercred.Worker(anybody).ServerHandshake(server); err != nil || conn != server {
		t.Errorf("our own user: %v", err)
	}
	if _, _, err := peercred.Worker(func(cred *unix.Ucred) error {
		if int(cred.Pid) != os.Getpid() || int(cred.Uid) != os.Getuid() {
			t.Errorf("we were told of %+v", cred)
		}
		return os.ErrPermission
	}).ServerHandshake(server); !errors.Is(err, os.ErrPermission) {
		t.Errorf("one that is not wanted: %v", err)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can be another user for a moment")
	}
	server, _ = pair(t, 65534)
	if _, _, err := peercred.Worker(anybody).ServerHandshake(server); err == nil {
		t.Error("another user was let in")
	}
}

func TestAManagerTalksToItsWorkerOnly(t *testing.T) {
	_, client := pair(t, -1)
	if conn, _, err := peercred.Manager(os.Getpid(), os.Getuid()).ClientHandshake(t.Context(), "", client); err != nil || conn != client {
		t.Errorf("the worker: %v", err)
	}
	for _, other := range []int{os.Getppid(), 0, -1} {
		if _, _, err := peercred.Manager(other, os.Getuid()).ClientHandshake(t.Context(), "", client); err == nil {
			t.Errorf("process %d was taken for the one that listens", other)
		}
	}
}

func TestOnlyUnixSocketsHavePeers(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := peercred.Of(a); err == nil {
		t.Error("a pipe was taken for a unix socket")
	}
	if _, _, err := peercred.Worker(anybody).ServerHandshake(a); err == nil {
		t.Error("a pipe was let in")
	}
	if _, _, err := peercred.Worker(anybody).ClientHandshake(t.Context(), "", a); err == nil {
		t.Error("a worker's credentials were used by a client")
	}
	if _, _, err := peercred.Manager(os.Getpid(), os.Getuid()).ServerHandshake(a); err == nil {
		t.Error("a manager's credentials were used by a server")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
