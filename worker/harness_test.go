package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	"whatsapp-manager/proto/seal"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/keystore"
)

// The test binary is also the worker's program, so that tests can wrap faults
// around a real worker in a real process.
const (
	asWorker  = "WAM_TEST_WORKER"
	codeLife  = "WAM_TEST_CODE_LIFE"
	keepAlive = "WAM_TEST_KEEP_ALIVE"
	silence   = "WAM_TEST_SILENCE"
	panicText = "WAM_TEST_PANIC" // a message with this text makes the handler panic, once per process
	stuckText = "WAM_TEST_STUCK" // a message with this text makes the handler wait for ever
	handling  = "WAM_TEST_HANDLER_LIMIT"
	proofLife = "WAM_TEST_PROOF_LIFE"
)

func TestMain(m *testing.M) {
	if decode.Asked() {
		os.Exit(decode.Main())
	}
	if os.Getenv(asWorker) == "" {
		storetest.Main(m, keystore.Create)
		return
	}
	life, _ := time.ParseDuration(os.Getenv(codeLife))
	alive, _ := time.ParseDuration(os.Getenv(keepAlive))
	quiet, _ := time.ParseDuration(os.Getenv(silence))
	limit, _ := time.ParseDuration(os.Getenv(handling))
	proof, _ := time.ParseDuration(os.Getenv(proofLife))
	os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin, worker.Options{
		Build: "test", Hook: func(r *worker.Running) { probe(r); noise(r) }, OnEvent: misbehave(os.Getenv(panicText), os.Getenv(stuckText)),
		Tuning: worker.Tuning{CodeLife: life, PairingRounds: 2, OutageLimit: 2 * time.Second, KeepAlive: alive, Silence: quiet, HandlerLimit: limit, CiphertextWait: time.Second, ProofLife: proof},
	}))
}

const noiseSize = 640_000

// noise prints more than any pipe holds, on each way out, when told by SIGUSR1.
func noise(r *worker.Running) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	for range told {
		// go-plugin and Hello have set the variables, in goroutines that know nothing
		// of this one. To the race detector whoever reads a file comes after all
		// who wrote one, and Hello was answered.
		if _, err := os.ReadFile(filepath.Join(r.Bootstrap.GetRunDir(), workerv1.AttachFile)); err != nil {
			panic(err)
		}
		line := strings.Repeat("n", 999) + "\n"
		for range noiseSize / 1000 {
			fmt.Fprint(os.Stdout, line)
		}
		_, _ = syscall.Write(1, []byte("written to descriptor 1\n"))
		_, _ = syscall.Write(2, []byte("written to descriptor 2\n"))
	}
}

func misbehave(panics, sticks string) func(any) {
	var once sync.Once
	return func(evt any) {
		msg, ok := evt.(*events.Message)
		if !ok {
			return
		}
		switch text := msg.Message.GetConversation(); {
		case text == "":
		case text == panics:
			once.Do(func() { panic("told to: " + text) })
		case text == sticks:
			select {}
		}
	}
}

// instance is one instance of a fresh database and its run directory.
type instance struct {
	t    *testing.T
	ctx  context.Context
	id   string
	dir  string
	log  string
	url  string // the manager's
	boot *workerv1.Bootstrap
	in   *storetest.Workers
	env  []string
}

func newInstance(t *testing.T, url, endpoint string) *instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	// Short, because a socket's path has to fit into 107 bytes.
	dir, err := os.MkdirTemp("", "wam")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	i := &instance{t: t, ctx: ctx, id: "abcdefgh0001", dir: dir, log: filepath.Join(t.TempDir(), "log"), url: url}
	i.exec("insert into users (id, email, password_hash, role, created_at) values ('u1', 'u@example.org', '', 'user', now())")
	i.exec(`insert into instances (id, owner_id, name, desired, created_at, updated_at) values ($1, 'u1', 'one', 'run', now(), now())`, i.id)
	i.exec("insert into feeds (instance_id) values ($1) on conflict do nothing", i.id)
	i.boot = &workerv1.Bootstrap{
		Version: 1, Instance: i.id, Node: filepath.Base(dir), RunDir: dir,
		WhatsappEndpoint: endpoint, MemoryLimitBytes: 512 << 20, LogLevel: "debug", DeviceName: "Test",
		SealKeys: sealKeys(seal.NewRing(), i.id),
	}
	i.in = storetest.NewWorkers(t, url)
	return i
}

// sub runs a part of the test that can be chosen alone. What the helpers of the instance
// find wrong counts for that part, and processes that it starts end with it.
func (i *instance) sub(name string, part func(t *testing.T)) {
	i.t.Helper()
	whole := i.t
	whole.Run(name, func(t *testing.T) {
		i.t = t
		defer func() { i.t = whole }()
		part(t)
	})
}

// offline is an endpoint that nobody listens on.
var offline = "http://127.0.0.1:9/?noise=" + strings.Repeat("ab", 32)

func (i *instance) exec(sql string, args ...any) {
	i.t.Helper()
	conn, err := pgx.Connect(i.ctx, i.url)
	if err != nil {
		i.t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.WithoutCancel(i.ctx))
	if _, err = conn.Exec(i.ctx, sql, args...); err != nil {
		i.t.Fatalf("%s: %v", sql, err)
	}
}

// value reads one value of the database.
func value[T any](i *instance, sql string, args ...any) T {
	i.t.Helper()
	var v T
	conn, err := pgx.Connect(i.ctx, i.url)
	if err != nil {
		i.t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.WithoutCancel(i.ctx))
	if err = conn.QueryRow(i.ctx, sql, args...).Scan(&v); err != nil {
		i.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// process is one worker process.
type process struct {
	*instance
	cmd  *exec.Cmd
	done chan struct{} // closed when reaped
	conn *grpc.ClientConn
	workerv1.WorkerClient
}

// start raises the generation and launches a worker as the manager does, with
// a role of its own.
func (i *instance) start() *process {
	i.t.Helper()
	i.raise()
	return i.startRaised()
}

// raise is what the manager does before a start.
func (i *instance) raise() {
	i.t.Helper()
	i.boot.Generation, i.boot.DatabaseUrl = i.in.Raise(i.id)
}

// startRaised is start where the database is away, or the generation was raised
// before.
func (i *instance) startRaised() *process {
	i.t.Helper()
	doc, err := protojson.Marshal(i.boot)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.launch(os.Args[0], doc)
}

func (i *instance) launch(program string, stdin []byte) *process {
	i.t.Helper()
	logFile, err := os.OpenFile(i.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		i.t.Fatal(err)
	}
	defer logFile.Close()
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), logFile, logFile
	cmd.Env = append([]string{asWorker + "=1", workerv1.CookieKey + "=" + workerv1.CookieValue, "GOMAXPROCS=2", "GORACE=" + os.Getenv("GORACE")}, i.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err = cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	p := &process{instance: i, cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	i.t.Cleanup(func() {
		p.kill()
		raw, _ := os.ReadFile(i.log)
		// The detector fails its own process only, and that is mostly killed.
		if at := bytes.Index(raw, []byte("WARNING: DATA RACE")); at >= 0 {
			i.t.Errorf("in the worker:\n%s", raw[at:min(len(raw), at+4000)])
		}
		if i.t.Failed() {
			i.t.Logf("log of the worker:\n%s", tail(raw, 12000))
		}
	})
	return p
}

func tail(raw []byte, n int) []byte {
	if len(raw) > n {
		return raw[len(raw)-n:]
	}
	return raw
}

func (p *process) kill() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// exited waits for the process and returns its exit code.
func (p *process) exited() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-p.ctx.Done():
		p.t.Fatal("worker does not end")
		return 0
	}
}

// eventually waits for something outside of this process that nobody reports.
func (i *instance) eventually(what string, is func() bool) {
	i.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(40 * time.Second)
	defer deadline.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			i.t.Fatalf("still not: %s", what)
		case <-i.ctx.Done():
			i.t.Fatalf("still not: %s", what)
		}
	}
}

// attached waits for the two lines of the attach file.
func (p *process) attached() (workerv1.Identity, string) {
	p.t.Helper()
	var id workerv1.Identity
	var socket string
	p.eventually("attach file with two lines of this worker", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("worker ended with code %d", p.cmd.ProcessState.ExitCode())
		default:
		}
		raw, err := os.ReadFile(filepath.Join(p.dir, workerv1.AttachFile))
		if err != nil {
			return false
		}
		lines := strings.Split(string(raw), "\n")
		if len(lines) < 3 || json.Unmarshal([]byte(lines[0]), &id) != nil || id.PID != p.cmd.Process.Pid {
			return false
		}
		parts := strings.Split(lines[1], "|")
		if len(parts) < 5 || parts[0] != "1" || parts[2] != "unix" || parts[4] != "grpc" {
			p.t.Fatalf("handshake line: %q", lines[1])
		}
		socket = parts[3]
		return true
	})
	return id, socket
}

// attach makes the process's RPC methods usable.
func (p *process) attach() *process {
	p.t.Helper()
	_, socket := p.attached()
	conn, err := grpc.NewClient("passthrough:worker", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}))
	if err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.WorkerClient = conn, workerv1.NewWorkerClient(conn)
	if _, err = p.Hello(p.ctx, &workerv1.HelloRequest{Protocol: workerv1.Protocol}); err != nil {
		p.t.Fatalf("hello: %v", err)
	}
	return p
}

// lastWords reads what the worker left; ok is false when it left nothing.
func (i *instance) lastWords() (words workerv1.LastWords, ok bool) {
	i.t.Helper()
	raw, err := os.ReadFile(filepath.Join(i.dir, workerv1.LastWordsFile))
	if errors.Is(err, os.ErrNotExist) {
		return words, false
	}
	if err != nil {
		i.t.Fatal(err)
	}
	if err = json.Unmarshal(raw, &words); err != nil {
		i.t.Fatalf("last words: %v", err)
	}
	return words, true
}

// link waits until Watch reports a link that is as wanted.
func (p *process) link(what string, is func(*workerv1.Link) bool) *workerv1.Link {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	watch, err := p.Watch(ctx, &workerv1.WatchRequest{})
	if err != nil {
		p.t.Fatal(err)
	}
	var last *workerv1.Link
	for {
		msg, err := watch.Recv()
		if err != nil {
			p.t.Fatalf("waiting for %s: %v; last link: %v", what, err, last)
		}
		if msg.Link == nil {
			continue
		}
		if last = msg.Link; is(last) {
			return last
		}
	}
}

func (p *process) state(want workerv1.LinkState) *workerv1.Link {
	p.t.Helper()
	return p.link(want.String(), func(l *workerv1.Link) bool { return l.GetState() == want })
}
