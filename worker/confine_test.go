package worker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker"
)

func TestAWorkerGivesUpPrivilegesAndCoreDumps(t *testing.T) {
	t.Parallel()
	p := newInstance(t, storetest.NewURL(t), offline).start().attach()
	pid := p.cmd.Process.Pid
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: %v %v", threads, err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err == nil && !bytes.Contains(status, []byte("NoNewPrivs:\t1\n")) { // a thread may have ended
			t.Errorf("%s: may gain privileges", thread)
		}
	}
	_, socket := p.attached()
	if fi, err := os.Stat(socket); err != nil || fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("socket: %v %v, others may connect", fi, err)
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit); err != nil || limit.Cur > 1 || limit.Max > 1 {
		t.Errorf("core limit: %+v, %v", limit, err)
	}
}

// victim names a worker that another one shall look at: its PID, its guard
// socket, its socket and its run directory, separated by commas.
const victim = "WAM_TEST_VICTIM"

// look is what a process can do to another instance and its worker.
type look struct {
	Read, List, Write, Remove, Execute bool // of and in the other's run directory
	Environ, Signal, Guard, Call       bool // of the other's process
	Own, Hosts                         bool // what a worker needs
	Denied                             []string
}

func lookAt(target, own string) look {
	field := strings.Split(target, ",")
	pid, guard, socket, dir := field[0], field[1], field[2], field[3]
	var l look
	try := func(what string, err error) bool {
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
			l.Denied = append(l.Denied, what)
		}
		return err == nil
	}
	_, err := os.ReadFile(filepath.Join(dir, "secret"))
	l.Read = try("read", err)
	_, err = os.ReadDir(dir)
	l.List = try("list", err)
	l.Write = try("write", os.WriteFile(filepath.Join(dir, "written"), nil, 0o600))
	l.Remove = try("remove", os.Remove(filepath.Join(dir, "victim")))
	l.Execute = exec.Command("/bin/sh", "-c", "read line < "+filepath.Join(dir, "secret")).Run() == nil
	_, err = os.ReadFile("/proc/" + pid + "/environ")
	l.Environ = try("environ", err)
	var n int
	_, _ = fmt.Sscan(pid, &n)
	l.Signal = try("signal", syscall.Kill(n, 0))
	conn, err := net.Dial("unix", guard)
	if l.Guard = try("guard", err); l.Guard {
		conn.Close()
	}
	l.Call = greeted(socket) == nil
	l.Own = try("own", os.WriteFile(filepath.Join(own, "written"), nil, 0o600)) && try("own", os.Remove(filepath.Join(own, "written")))
	_, err = os.ReadFile("/etc/hosts")
	l.Hosts = try("hosts", err)
	return l
}

// greeted connects and waits for the first byte: a gRPC server speaks first, and
// a refusal is the end of the connection.
func greeted(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	return err
}

// probe looks at the victim from inside a worker and leaves in its run directory what it could do.
func probe(r *worker.Running) {
	target := os.Getenv(victim)
	if target == "" {
		return
	}
	own := r.Bootstrap.GetRunDir()
	report, err := json.Marshal(lookAt(target, own))
	if err == nil {
		err = os.WriteFile(filepath.Join(own, "look.new"), report, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(own, "look.new"), filepath.Join(own, "look"))
	}
	if err != nil {
		panic(err)
	}
}

func TestAWorkerCannotLookAtAnotherInstance(t *testing.T) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		t.Skipf("this kernel has no Landlock: %v", err)
	}
	t.Parallel()
	other := newInstance(t, storetest.NewURL(t), offline)
	// Where a manager's would be: below its lock, which this process holds.
	root := other.dir
	other.dir = filepath.Join(root, other.id)
	other.boot.RunDir = other.dir
	if err := os.Mkdir(other.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(root, workerv1.ManagerLock))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	p := other.start().attach()
	for _, name := range []string{"secret", "victim"} {
		if err := os.WriteFile(filepath.Join(other.dir, name), []byte("of the other instance\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, socket := p.attached()
	target := strings.Join([]string{fmt.Sprint(p.cmd.Process.Pid), workerv1.GuardName(other.boot.Node, other.id), socket, other.dir}, ",")
	mine := newInstance(t, storetest.NewURL(t), offline)
	mine.env = []string{victim + "=" + target}
	hello, err := mine.start().attach().Hello(mine.ctx, &workerv1.HelloRequest{})
	if err != nil || hello.GetConfinement() != confinementOn(abi) {
		t.Errorf("hello says %q, %v", hello.GetConfinement(), err)
	}
	var got look
	mine.eventually("the worker has looked", func() bool {
		raw, err := os.ReadFile(filepath.Join(mine.dir, "look"))
		return err == nil && json.Unmarshal(raw, &got) == nil
	})
	if got.Read || got.List || got.Write || got.Remove || got.Execute || got.Environ || got.Call {
		t.Errorf("a confined worker got at another instance: %+v", got)
	}
	if abi >= 6 && (got.Signal || got.Guard) {
		t.Errorf("a confined worker got at another worker: %+v", got)
	}
	if !got.Own || !got.Hosts {
		t.Errorf("a confined worker lacks what it needs: %+v", got)
	}
	// Nothing but the confinement stood in the way: this process may do all of it.
	if free := lookAt(target, mine.dir); len(free.Denied) > 0 || !free.Read || !free.List || !free.Write || !free.Remove || !free.Execute || !free.Environ || !free.Signal || !free.Guard || !free.Call {
		t.Errorf("the same look proves nothing here: %+v", free)
	}
	// And this process was answered as the manager, not as anybody.
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if greeted(socket) == nil {
		t.Error("a process that is no manager any more is answered")
	}
}

// A converter that lies where no package puts it works in a confined worker.
func TestAConfinedWorkerConvertsVoiceMessages(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	// Without a program of its own: what converts starts no processes.
	converter := "#!/bin/sh\nwhile read -r line; do :; done\nprintf 'OggS\\0\\2converted OpusHead'\n"
	if err := os.WriteFile(filepath.Join(bin, "ffmpeg"), []byte(converter), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, storetest.NewURL(t))
	w.env = []string{"PATH=" + bin}
	p, _ := w.paired()
	params, err := json.Marshal([]any{"15550000999@c.us", map[string]any{"mimetype": "audio/mpeg", "data": base64.StdEncoding.EncodeToString([]byte("ID3 a song"))}, map[string]any{"sendAudioAsVoice": true}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Call(p.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params})
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	var sent struct{ Type string }
	if err := json.Unmarshal(answer.GetResult(), &sent); err != nil || sent.Type != "ptt" {
		t.Errorf("sent as %q (%v), want a voice message", sent.Type, err)
	}
}

func TestAnotherUserIsNotAnswered(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user for a moment")
	}
	t.Parallel()
	p := newInstance(t, storetest.NewURL(t), offline).start()
	_, socket := p.attached()
	// What permissions would stop already.
	for path, mode := range map[string]os.FileMode{p.dir: 0o755, socket: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, uid := range []int{0, 65534} {
		done := make(chan error, 1)
		go func() {
			// Of this thread only, which ends with the goroutine because it is never unlocked.
			runtime.LockOSThread()
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
				done <- errno
				return
			}
			done <- greeted(socket)
		}()
		if err := <-done; (err == nil) != (uid == 0) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("uid %d: %v", uid, err)
		}
	}
}

// confinementOn is what a worker of the same user as its manager says on this kernel.
func confinementOn(abi int) string {
	if abi < 4 {
		return fmt.Sprintf("landlock:%d seccomp", abi)
	}
	return fmt.Sprintf("landlock:%d net seccomp", abi)
}
