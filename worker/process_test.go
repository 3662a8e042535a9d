package worker_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestBootstrapMustBeWhole(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	i.raise()
	whole, err := protojson.Marshal(i.boot)
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{
		"empty":                 nil,
		"half":                  whole[:len(whole)/2],
		"not json":              []byte("instance=1"),
		"unknown version":       bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":2`), 1),
		"no instance":           bytes.Replace(whole, []byte(i.id), nil, 1),
		"endpoint not loopback": bytes.Replace(whole, []byte("127.0.0.1"), []byte("192.0.2.1"), 1),
	} {
		i.sub(name, func(t *testing.T) {
			if bytes.Equal(doc, whole) {
				t.Fatalf("%s: the document was not changed", name)
			}
			if code := i.launch(os.Args[0], doc).exited(); code != workerv1.ExitBadBootstrap {
				t.Errorf("%s: exit code %d", name, code)
			}
		})
	}
	if _, err = os.Stat(filepath.Join(i.dir, workerv1.LockFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock file was touched: %v", err)
	}
	raw, _ := os.ReadFile(i.log)
	if strings.Contains(string(raw), i.boot.GetDatabaseUrl()) {
		t.Error("the database url is in the log")
	}
}

func TestHelloProvesIdentity(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	p := i.start().attach()
	id, _ := p.attached()
	hello, err := p.Hello(p.ctx, &workerv1.HelloRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if hello.GetInstance() != i.id || hello.GetGeneration() != 1 || hello.GetPid() != int64(p.cmd.Process.Pid) || hello.GetBuild() != "test" {
		t.Errorf("hello: %v", hello)
	}
	if hello.GetStartTicks() != id.StartTicks || hello.GetBootId() != id.BootID || id.StartTicks == 0 || id.BootID == "" {
		t.Errorf("hello and attach file disagree: %v, %v", hello, id)
	}
	if holder := lockHolder(t, i.dir); holder != p.cmd.Process.Pid {
		t.Errorf("lock is held by %d, the worker is %d", holder, p.cmd.Process.Pid)
	}
	score, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "oom_score_adj"))
	if err != nil || strings.TrimSpace(string(score)) != "300" {
		t.Errorf("oom_score_adj: %q, %v", score, err)
	}
	ping, err := p.Ping(p.ctx, &workerv1.PingRequest{})
	if err != nil || ping.GetNow() == nil {
		t.Errorf("ping: %v, %v", ping, err)
	}
	stats, err := p.Stats(p.ctx, &workerv1.StatsRequest{})
	if err != nil || stats.GetHeapBytes() == 0 || stats.GetGoroutines() == 0 {
		t.Errorf("stats: %v, %v", stats, err)
	}
}

// The manager attaches by go-plugin's Reattach; its Shutdown call ends a worker
// gracefully as well.
func TestReattachByGoPlugin(t *testing.T) {
	t.Parallel()
	p := newInstance(t, storetest.NewURL(t), offline).start()
	_, socket := p.attached()
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: workerv1.Protocol, MagicCookieKey: workerv1.CookieKey, MagicCookieValue: workerv1.CookieValue},
		Plugins:          plugin.PluginSet{workerv1.PluginName: clientPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		Reattach: &plugin.ReattachConfig{
			Protocol: plugin.ProtocolGRPC, ProtocolVersion: workerv1.Protocol,
			Addr: &net.UnixAddr{Name: socket, Net: "unix"}, Pid: p.cmd.Process.Pid,
		},
	})
	rpc, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := rpc.Dispense(workerv1.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	hello, err := raw.(workerv1.WorkerClient).Hello(p.ctx, &workerv1.HelloRequest{})
	if err != nil || hello.GetInstance() != p.id {
		t.Fatalf("hello: %v, %v", hello, err)
	}
	_ = rpc.Close()
	if code := p.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if words, ok := p.lastWords(); !ok || words.Reason != "shutdown" {
		t.Errorf("last words: %v %v", words, ok)
	}
}

type clientPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (clientPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }
func (clientPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerv1.NewWorkerClient(conn), nil
}

func TestSecondWorkerIsTurnedAway(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	first := i.start().attach()
	if code := i.startRaised().exited(); code != workerv1.ExitTaken { // another generation would end the first one's
		t.Errorf("second worker: exit code %d", code)
	}
	if _, said := i.lastWords(); said {
		t.Error("the second worker left last words")
	}
	if _, err := first.Ping(i.ctx, &workerv1.PingRequest{}); err != nil {
		t.Errorf("first worker after that: %v", err)
	}

	// Killed, it leaves its socket and no word, and the lock is free.
	_, socket := first.attached()
	first.kill()
	if _, said := i.lastWords(); said {
		t.Error("a killed worker left last words")
	}
	if holder := lockHolder(t, i.dir); holder != 0 {
		t.Errorf("lock is held by %d after the kill", holder)
	}
	i.start().attach()
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("old socket was not swept: %v", err)
	}
}

func TestDeletedRunDirectoryStillGuards(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	i.start().attach()
	if err := os.RemoveAll(i.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(i.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if code := i.startRaised().exited(); code != workerv1.ExitTaken {
		t.Errorf("worker beside a live one: exit code %d", code)
	}
}

func TestForeignUserIsCutOff(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	p := i.start().attach() // our own user gets in
	if os.Geteuid() != 0 {
		return // only root can become somebody else
	}
	_, socket := p.attached()
	for path, mode := range map[string]os.FileMode{i.dir: 0o755, socket: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := grpc.NewClient("passthrough:worker", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return dialAs(65534, socket) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(i.ctx, 5*time.Second)
	defer cancel()
	if hello, err := workerv1.NewWorkerClient(conn).Hello(ctx, &workerv1.HelloRequest{}); err == nil {
		t.Errorf("a foreign user was answered: %v", hello)
	}
}

// dialAs connects with the effective user of this one thread changed.
func dialAs(uid uintptr, socket string) (net.Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	const keep = ^uintptr(0)
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uid, keep); e != 0 {
		return nil, e
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: socket})
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 0, keep); e != 0 {
		panic(e)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), socket)
	defer f.Close()
	return net.FileConn(f)
}

func TestManagerGoneWorkerStays(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	p := i.start().attach()
	ctx, cancel := context.WithCancel(i.ctx)
	watch, err := p.Watch(ctx, &workerv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.GetLink() == nil {
		t.Fatalf("first message of watch: %v, %v", first, err)
	}
	cancel()
	_ = p.conn.Close()
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGINT, syscall.SIGUSR1} {
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	i.eventually("all that was printed in the log", func() bool {
		raw, _ := os.ReadFile(i.log)
		return bytes.Count(raw, []byte("nnnnnnnnnn")) >= noiseSize/10-noiseSize/1000 &&
			bytes.Contains(raw, []byte("written to descriptor 1")) && bytes.Contains(raw, []byte("written to descriptor 2"))
	})
	p.attach()
	if _, err := p.Ping(i.ctx, &workerv1.PingRequest{}); err != nil {
		t.Errorf("ping of the next manager: %v", err)
	}
}

func TestSigtermLeavesLastWords(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	p := i.start().attach()
	_, socket := p.attached()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if words, ok := i.lastWords(); !ok || words.Reason != "sigterm" || words.Generation != 1 || words.Code != 0 {
		t.Errorf("last words: %+v %v", words, ok)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stayed: %v", err)
	}
}

func TestStopAnswersThenEnds(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	p := i.start().attach()
	if _, err := p.Watch(i.ctx, &workerv1.WatchRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stop(i.ctx, &workerv1.StopRequest{Reason: "restart"}); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if words, ok := i.lastWords(); !ok || words.Reason != "restart" {
		t.Errorf("last words before the end: %+v %v", words, ok)
	}
	if code := p.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestUnknownInstanceEnds(t *testing.T) {
	t.Parallel()
	i := newInstance(t, storetest.NewURL(t), offline)
	i.raise()
	i.exec("delete from instances where id = $1", i.id)
	p := i.startRaised()
	if code := p.exited(); code == 0 {
		t.Errorf("exit code %d", code)
	}
	if words, ok := i.lastWords(); !ok || words.Reason != "unknown_instance" {
		t.Errorf("last words: %+v %v", words, ok)
	}
}

// The program itself: its exit codes and the version the linker puts in.
func TestProgram(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "whatsapp-worker")
	build := exec.Command("go", "build", "-ldflags", "-s -w -X main.Build=v9", "-o", program, "whatsapp-manager/cmd/whatsapp-worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(program, "--version").Output(); err != nil || strings.TrimSpace(string(out)) != "v9" {
		t.Errorf("--version: %q, %v", out, err)
	}
	i := newInstance(t, storetest.NewURL(t), offline)
	i.raise()
	doc, err := protojson.Marshal(i.boot)
	if err != nil {
		t.Fatal(err)
	}
	p := i.launch(program, doc).attach()
	if hello, err := p.Hello(i.ctx, &workerv1.HelloRequest{}); err != nil || hello.GetBuild() != "v9" {
		t.Errorf("hello: %v, %v", hello, err)
	}
	if _, err := p.Stop(i.ctx, &workerv1.StopRequest{}); err != nil {
		t.Errorf("stop: %v", err)
	}
	if code := p.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// lockHolder asks the kernel as the manager does.
func lockHolder(t *testing.T, dir string) int {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, workerv1.LockFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	q := unix.Flock_t{Type: unix.F_WRLCK}
	if err = unix.FcntlFlock(f.Fd(), unix.F_GETLK, &q); err != nil {
		t.Fatal(err)
	}
	if q.Type == unix.F_UNLCK {
		return 0
	}
	return int(q.Pid)
}
