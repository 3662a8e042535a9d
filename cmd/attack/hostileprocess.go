package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func reachFiles(t targets) []probe {
	var all []probe
	for _, path := range []string{
		"/etc/shadow", "/etc/passwd-", "/root", "/home", "/var/log", "/var/lib", "/tmp", "/proc/1/environ",
		t.DataDir, filepath.Join(t.DataDir, "logs"), filepath.Join(t.DataDir, "secret.key"),
		filepath.Join(t.DataDir, "postgres"),
		t.RunDir, filepath.Join(t.RunDir, t.VictimID), filepath.Join(t.RunDir, t.VictimID, "attach"),
	} {
		all = append(all, tried("read "+path, open(path)))
	}
	for _, dir := range []string{t.DataDir, t.RunDir, "/tmp", "/var/tmp", "/dev/shm", "/etc"} {
		file := filepath.Join(dir, "planted")
		err := os.WriteFile(file, nil, 0o600)
		if err == nil {
			_ = os.Remove(file)
		}
		all = append(all, tried("write into "+dir, err))
	}
	return all
}

func open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		_, err = f.ReadDir(1)
		return err
	}
	_, err = f.Read(make([]byte, 1))
	return err
}

func reachProcesses(t targets) []probe {
	var all []probe
	for name, pid := range map[string]int{"manager": t.Manager, "victim's worker": t.VictimWorker} {
		for _, file := range []string{"environ", "mem", "maps", "fd", "root", "cwd"} {
			path := fmt.Sprintf("/proc/%d/%s", pid, file)
			if file == "root" || file == "cwd" {
				path += "/." // through it, not the link itself
			}
			all = append(all, tried(fmt.Sprintf("read the %s's /proc/…/%s", name, file), open(path)))
		}
		all = append(all, tried("signal the "+name, unix.Kill(pid, 0)))
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			err = unix.PidfdSendSignal(fd, 0, nil, 0)
			_ = unix.Close(fd)
		}
		all = append(all, tried("signal the "+name+" by a pidfd", err))
		all = append(all, tried("trace the "+name, unix.PtraceSeize(pid)))
		var b [8]byte
		_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: 8}},
			[]unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
		all = append(all, tried("read the "+name+"'s memory", err))
	}
	return all
}

// reachKernel asks for what no worker needs. Numbers are amd64's and arm64's alike where x/sys has them.
func reachKernel() []probe {
	call := func(what string, nr uintptr, a, b, c uintptr) probe {
		r, _, errno := unix.Syscall(nr, a, b, c)
		if errno != 0 {
			return tried(what, errno)
		}
		if int(r) > 2 {
			_ = unix.Close(int(r)) // what was got is a descriptor
		}
		return tried(what, nil)
	}
	name := [...]byte{'x', 0}
	at := uintptr(unsafe.Pointer(&name[0]))
	var zero [128]byte
	return []probe{
		tried("mount a file system", unix.Mount("none", "/tmp", "tmpfs", 0, "")),
		call("a new user namespace", unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0),
		call("add a key to the kernel's keyring", unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(2), 1),
		call("load a BPF program", unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&zero[0])), uintptr(len(zero))),
		call("an io_uring", unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&zero[0])), 0),
		call("a performance counter", unix.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&zero[0])), 0, 0),
		call("handle page faults", unix.SYS_USERFAULTFD, 1, 0, 0),
		call("load a kernel module", unix.SYS_INIT_MODULE, at, 1, at),
		tried("change the host's name", rename()),
		tried("a raw socket", socket(unix.AF_INET, unix.SOCK_RAW)),
		tried("a packet socket", socket(unix.AF_PACKET, unix.SOCK_RAW)),
		tried("be root", root()),
	}
}

// rename gives the host the name that it has.
func rename() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	return unix.Sethostname([]byte(name))
}

func socket(family, kind int) error {
	fd, err := unix.Socket(family, kind, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

// root fails unless the process has capabilities.
func root() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return err
	}
	if data[0].Effective|data[1].Effective|data[0].Permitted|data[1].Permitted == 0 {
		return fmt.Errorf("no capabilities, uid %d", os.Getuid())
	}
	return nil
}

func reachNetwork(ctx context.Context, t targets) []probe {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	var all []probe
	for _, to := range []struct{ what, address string }{
		{"the API on loopback", t.API},
		{"another service on loopback", t.Closed},
		{"the cloud's metadata address", "169.254.169.254:80"},
		{"mail on loopback", "127.0.0.1:25"},
	} {
		c, err := dialer.DialContext(ctx, "tcp", to.address)
		if err == nil {
			_ = c.Close()
		}
		all = append(all, tried("connect to "+to.what, forbidden(err)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		_ = l.Close()
	}
	all = append(all, tried("listen on a port", err))
	// The sockets of others: the victim's worker and what the manager offers it.
	paths, _ := filepath.Glob(filepath.Join(t.RunDir, t.VictimID, "*"))
	all = append(all, probe{
		Tried: "list the victim's run directory", Got: len(paths) > 0,
		Error: fmt.Sprint(len(paths), " found"),
	})
	for _, name := range []string{"egress.sock", "plugin"} {
		c, err := dialer.DialContext(ctx, "unix", filepath.Join(t.RunDir, t.VictimID, name))
		if err == nil {
			_ = c.Close()
		}
		all = append(all, tried("connect to the victim's "+name, err))
	}
	return all
}

// forbidden takes every failure but the kernel's refusal for a success: that
// nobody answered says nothing about who may ask.
func forbidden(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
