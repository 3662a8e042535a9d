package takeover_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/worker"
)

// targets are what the hostile worker finds in its run directory: where the
// others are.
type targets struct {
	Manager, Victim int    // processes
	VictimDir       string // run directory
	VictimSocket    string // of its worker
	VictimGuard     string // abstract socket by which it is known
	NextGuard       string // one that an instance would take which is not started yet
	Abstract        string // somebody's abstract socket
	API             string // host:port of a listener on loopback
	Stand           string // host:port of the stand-in for WhatsApp
	ManagerLock     string
	RunDir          string   // of all instances
	Files           []string // and directories, to be read
}

const (
	targetsFile = "targets.json"
	reportFile  = "report.json"
)

// report says how each attempt ended: zero for success, else the error's number,
// or -1 for an error that has none.
type report struct {
	Attempts map[string]int
	Texts    map[string]string
	UID      int
}

// attack is the hook of a worker that was taken over. It does nothing where
// there are no targets.
func attack(r *worker.Running) {
	own := r.Bootstrap.GetRunDir()
	raw, err := os.ReadFile(filepath.Join(own, targetsFile))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var t targets
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil {
		panic(err)
	}
	got := report{Attempts: map[string]int{}, Texts: map[string]string{}, UID: os.Geteuid()}
	look(t, got.try)
	damage(t, own, got.try)
	kernel(own, got.try)
	needs(t, own, got.try)
	ways(t, r.Bootstrap.GetEgressSocket(), got.try)
	encoded, err := json.Marshal(got)
	if err == nil {
		err = os.WriteFile(filepath.Join(own, "report.new"), encoded, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(own, "report.new"), filepath.Join(own, reportFile))
	}
	if err != nil {
		panic(err)
	}
}

func number(err error) int {
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return int(errno)
	}
	return -1
}

func (r report) try(name string, err error) {
	r.Attempts[name] = number(err)
	if err != nil {
		r.Texts[name] = err.Error()
	}
}

// look tries what does no harm. The test does the same itself, without any
// confinement, to show that the targets are there.
func look(t targets, try func(string, error)) {
	files(t, try)
	processes(t, try)
	sockets(t, try)
}

func read(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		_, err = f.Readdirnames(1)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	}
	_, err = f.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

func files(t targets, try func(string, error)) {
	for _, path := range append([]string{filepath.Join(t.VictimDir, "secret"), t.VictimDir}, t.Files...) {
		try("read "+path, read(path))
	}
	for _, pid := range []int{t.Manager, t.Victim} {
		who := map[int]string{t.Manager: "manager", t.Victim: "victim"}[pid]
		for _, name := range []string{"environ", "mem", "maps", "fd", "task", "stat"} {
			try("read /proc/"+who+"/"+name, read(fmt.Sprintf("/proc/%d/%s", pid, name)))
		}
		for _, name := range []string{"root", "cwd", "exe"} {
			_, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
			try("follow /proc/"+who+"/"+name, err)
		}
		try("read /proc/"+who+"/root/etc/hosts", read(fmt.Sprintf("/proc/%d/root/etc/hosts", pid)))
	}
	// What Landlock does not ask about.
	try("chmod of the victim's directory", unix.Fchmodat(unix.AT_FDCWD, t.VictimDir, 0o700, 0))
	try("chown of the victim's directory", os.Chown(t.VictimDir, -1, -1))
	try("attribute of the victim's directory", unix.Setxattr(t.VictimDir, "user.x", []byte("x"), 0))
	try("time of the victim's directory", unix.UtimesNanoAt(unix.AT_FDCWD, t.VictimDir, nil, 0))
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(watch, t.VictimDir, unix.IN_ALL_EVENTS)
		unix.Close(watch)
	}
	try("watch of the victim's directory", err)
}

func damage(t targets, own string, try func(string, error)) {
	try("write to the victim's directory", os.WriteFile(filepath.Join(t.VictimDir, "written"), nil, 0o600))
	try("removal of the victim's file", os.Remove(filepath.Join(t.VictimDir, "secret")))
	try("link to the victim's file", os.Link(filepath.Join(t.VictimDir, "secret"), filepath.Join(own, "stolen")))
	try("write beside its directory", os.WriteFile(filepath.Join(t.RunDir, "written"), nil, 0o600))
	try("write to /tmp", os.WriteFile(filepath.Join(os.TempDir(), "wam-takeover"), nil, 0o600))
	try("removal of the manager's lock", os.Rename(t.ManagerLock, t.ManagerLock+".gone"))
	try("a place for the next manager's socket", os.Remove(filepath.Join(t.RunDir, egress.Socket)))
}

func processes(t targets, try func(string, error)) {
	for who, pid := range map[string]int{"manager": t.Manager, "victim": t.Victim, "first process": 1} {
		try("signal to the "+who, unix.Kill(pid, 0))
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			err = unix.PidfdSendSignal(fd, 0, nil, 0)
			_, _, errno := unix.Syscall(unix.SYS_PIDFD_GETFD, uintptr(fd), 0, 0)
			try("descriptor of the "+who, result(errno))
			unix.Close(fd)
		}
		try("signal by descriptor to the "+who, err)
		try("trace of the "+who, func() error {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			err := unix.PtraceSeize(pid)
			if err == nil {
				_ = unix.PtraceDetach(pid)
			}
			return err
		}())
		var word [8]byte
		_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &word[0], Len: 8}},
			[]unix.RemoteIovec{{Base: 0x10000, Len: 8}}, 0)
		try("memory of the "+who, err)
		try("limits of the "+who, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit)))
		try("priority of the "+who, unix.Setpriority(unix.PRIO_PROCESS, pid, 0))
		var cpus unix.CPUSet
		cpus.Set(0)
		cpus.Set(1)
		try("processors of the "+who, unix.SchedSetaffinity(pid, &cpus))
	}
	// A program that would run as root elsewhere stays what we are.
	out, err := exec.Command("/bin/sh", "-c", "kill -0 $1 2>/dev/null && echo yes || echo no",
		"sh", fmt.Sprint(t.Victim)).Output()
	if err == nil && string(out) == "no\n" {
		err = unix.EPERM
	}
	try("signal to the victim by a child", err)
}

func result(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func connect(network, address string) error {
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

// spoken connects and waits for the first byte, which a gRPC server sends; a
// refusal is the end of the connection.
func spoken(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	return err
}

func sockets(t targets, try func(string, error)) {
	try("call to the victim's worker", spoken(t.VictimSocket))
	try("the victim's guard", connect("unix", t.VictimGuard))
	try("somebody's abstract socket", connect("unix", t.Abstract))
	try("connect to the API", connect("tcp", t.API))
	for _, address := range []string{"169.254.169.254:80", "127.0.0.1:22", "127.0.0.1:25", "127.0.0.1:80"} {
		try("connect to "+address, connect("tcp", address))
	}
	bind := func(network, address string) error {
		listener, err := net.Listen(network, address)
		if err == nil {
			listener.Close()
		}
		return err
	}
	try("listen on a port", bind("tcp4", "127.0.0.1:0"))
	try("listen on an abstract name", bind("unix", t.NextGuard))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: t.NextGuard})
		unix.Close(fd)
	}
	try("take an abstract name", err)

	to, err := net.ResolveTCPAddr("tcp4", t.API)
	if err != nil {
		panic(err)
	}
	address := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, address)
		unix.Close(fd)
	}
	try("connect to the API by sending", err)
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err == nil {
		err = unix.Connect(fd, address)
		unix.Close(fd)
	}
	try("connect to the API by multipath TCP", err)
	for name, kind := range map[string][3]int{
		"raw": {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, "packet": {unix.AF_PACKET, unix.SOCK_RAW, 0},
		"crypto": {unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		"vsock":  {unix.AF_VSOCK, unix.SOCK_STREAM, 0}, "audit": {unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT},
		"sctp": {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP},
	} {
		fd, err := unix.Socket(kind[0], kind[1], kind[2])
		if err == nil {
			unix.Close(fd)
		}
		try("socket "+name, err)
	}
}

// needs are what a worker cannot do without.
func needs(t targets, own string, try func(string, error)) {
	try("need: own directory", errors.Join(os.WriteFile(filepath.Join(own, "mine"), []byte("x"), 0o600),
		read(filepath.Join(own, "mine")), os.Remove(filepath.Join(own, "mine"))))
	for _, path := range []string{"/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/dev/urandom"} {
		if _, err := os.Stat(path); err == nil {
			try("need: "+path, read(path))
		}
	}
	for _, dir := range []string{"/etc/ssl/certs", "/usr/share/zoneinfo"} {
		if _, err := os.Stat(dir); err == nil {
			try("need: "+dir, read(dir))
		}
	}
	_, err := x509.SystemCertPool()
	try("need: certificates", err)
	_, err = net.LookupHost("localhost")
	try("need: a name", err)
	try("need: the stand-in for WhatsApp", connect("tcp", t.Stand))
	try("need: a program", exec.Command("/bin/sh", "-c", "exit 0").Run())
	self := exec.Command("/proc/self/exe")
	self.Env = []string{asChild + "=nothing"}
	try("need: its own program", self.Run())
}

// ways are those through the manager.
func ways(t targets, socket string, try func(string, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	d := egress.NewDialer(socket)
	ask := func(address string) error {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
		}
		if errors.Is(err, netguard.ErrInternal) {
			return unix.EACCES
		}
		return err
	}
	for name, address := range map[string]string{
		"the API": t.API, "the metadata": "169.254.169.254:80",
		"the mail server": "localhost:25",
	} {
		try("ask the manager for "+name, ask(address))
	}
	child := exec.Command("/proc/self/exe")
	child.Env = []string{asChild + "=" + socket}
	try("ask the manager as a child", child.Run())
	conn, err := net.Dial("unix", socket)
	if err == nil {
		_, err = conn.Write([]byte("\xff\xffGET / HTTP/1.1\r\n\r\n"))
		conn.Close()
	}
	try("talk nonsense to the manager", err)
}
