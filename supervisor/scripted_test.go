package supervisor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// script tells a scripted worker how to behave. It lies in the instance's run
// directory, or in the one above for all instances.
type script struct {
	Exit       int                `json:",omitempty"` // with this code, before anything else
	FailsAs    string             `json:",omitempty"` // exits like that when it is of this build
	Panic      bool               `json:",omitempty"` // once it has the lock
	BeforeLock int                `json:",omitempty"` // milliseconds of delay
	BeforeLine int                `json:",omitempty"` // milliseconds of delay before the handshake line
	Jitter     int                `json:",omitempty"` // random delay up to these milliseconds at every step
	IgnoreStop bool               `json:",omitempty"` // answers Stop, ignores SIGTERM, lives on
	Mute       bool               `json:",omitempty"` // Ping gets no answer
	Eat        int                `json:",omitempty"` // MiB, allocated after the first Hello
	DropWatch  int                `json:",omitempty"` // Watch ends after these milliseconds, each time
	Link       workerv1.LinkState `json:",omitempty"`
	FeedHead   uint64             `json:",omitempty"`
	Build      string             `json:",omitempty"`
	Protocol   int                `json:",omitempty"` // added to the version of the contract that it says it speaks
	Lacks      []string           `json:",omitempty"` // calls that its contract does not have
	Bare       bool               `json:",omitempty"` // its messages lack what is not needed for identity
	Unknown    bool               `json:",omitempty"` // its messages carry fields that nobody here knows
}

const (
	scriptFile  = "script.json"
	witnessFile = "duplicates" // in the run directory of all instances: it must never appear
)

func (s script) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, scriptFile), b, 0o600)
}

func (s script) delay(ms int) {
	d := time.Duration(ms) * time.Millisecond
	if s.Jitter > 0 {
		d += time.Duration(rand.Int64N(int64(s.Jitter) * int64(time.Millisecond)))
	}
	time.Sleep(d)
}

func (s script) protocol() uint32 { return uint32(workerv1.Protocol + s.Protocol) }

// age adds a field of the future: number 500, a text.
func (s script) age(m proto.Message) {
	if s.Unknown {
		m.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 500, protowire.BytesType), "from the future"))
	}
}

// playWorker is a worker that speaks the contract and knows nothing of WhatsApp.
func playWorker() {
	in, err := io.ReadAll(os.Stdin)
	var boot workerv1.Bootstrap
	if err != nil || protojson.Unmarshal(in, &boot) != nil || boot.GetVersion() != 1 {
		os.Exit(workerv1.ExitBadBootstrap)
	}
	os.Stdin.Close()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	check(unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: boot.GetDataLimitBytes(), Max: boot.GetDataLimitBytes()})) // as the real one

	var s script
	for _, dir := range []string{filepath.Dir(boot.GetRunDir()), boot.GetRunDir()} {
		if b, err := os.ReadFile(filepath.Join(dir, scriptFile)); err == nil {
			check(json.Unmarshal(b, &s))
		}
	}
	if b := ownScript(); b != nil {
		check(json.Unmarshal(b, &s))
	}
	if s.Build == "" {
		s.Build = "scripted"
	}
	if s.FailsAs == s.Build {
		s.Exit = 4
	}
	if s.Exit != 0 {
		fmt.Fprintln(os.Stderr, "the script wants an early end")
		os.Exit(s.Exit)
	}
	s.delay(s.BeforeLock)

	lock, err := os.OpenFile(filepath.Join(boot.GetRunDir(), workerv1.LockFile), os.O_RDWR|os.O_CREATE, 0o600)
	check(err)
	if unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}) != nil {
		os.Exit(workerv1.ExitTaken)
	}
	guard, err := net.Listen("unix", workerv1.GuardName(boot.GetNode(), boot.GetInstance()))
	if err != nil {
		os.Exit(workerv1.ExitTaken)
	}
	// The witness knows nothing of lock and guard: the second holder is a duplicate, whatever let it come.
	witness, err := net.Listen("unix", "@witness-"+boot.GetNode()+"-"+boot.GetInstance())
	if err != nil {
		note, _ := os.OpenFile(filepath.Join(filepath.Dir(boot.GetRunDir()), witnessFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		fmt.Fprintf(note, "%s generation %d pid %d\n", boot.GetInstance(), boot.GetGeneration(), os.Getpid())
		os.Exit(1)
	}
	s.delay(0)
	if s.Panic {
		panic("the script wants a panic")
	}

	w := &scripted{boot: &boot, script: s, started: time.Now(), stopped: make(chan string, 1)}
	w.announce()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: workerv1.Protocol, MagicCookieKey: workerv1.CookieKey, MagicCookieValue: workerv1.CookieValue},
		Plugins:         plugin.PluginSet{workerv1.PluginName: scriptedPlugin{w: w}},
		GRPCServer:      func(opts []grpc.ServerOption) *grpc.Server { return grpc.NewServer(opts...) },
		Logger:          hclog.NewNullLogger(),
	})
	for {
		select {
		case <-signals:
			if !s.IgnoreStop {
				w.leave("sigterm")
			}
		case reason := <-w.stopped:
			if !s.IgnoreStop {
				w.leave(reason)
			}
		}
		// Collected, they would be closed, and with them the claim.
		runtime.KeepAlive(lock)
		runtime.KeepAlive(guard)
		runtime.KeepAlive(witness)
	}
}

// scripted serves the contract as its script says.
type scripted struct {
	workerv1.UnimplementedWorkerServer
	boot    *workerv1.Bootstrap
	script  script
	started time.Time
	stopped chan string
	food    [][]byte
}

type scriptedPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	w *scripted
}

func (p scriptedPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	// A contract with fewer calls is what an older build was generated from.
	known := workerv1.Worker_ServiceDesc
	known.Methods = slices.DeleteFunc(slices.Clone(known.Methods), func(m grpc.MethodDesc) bool {
		return slices.Contains(p.w.script.Lacks, m.MethodName)
	})
	s.RegisterService(&known, p.w)
	return nil
}

func (scriptedPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not a manager")
}

// announce writes the identity and points fd 1 at the attach file for go-plugin's line.
func (w *scripted) announce() {
	dir := w.boot.GetRunDir()
	names, _ := os.ReadDir(dir)
	for _, n := range names {
		if strings.HasPrefix(n.Name(), "plugin") || n.Name() == workerv1.LastWordsFile {
			os.Remove(filepath.Join(dir, n.Name()))
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, workerv1.AttachFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	check(err)
	line, err := json.Marshal(workerv1.Identity{
		Instance: w.boot.GetInstance(), Generation: w.boot.GetGeneration(), PID: os.Getpid(),
		StartTicks: startTicks(os.Getpid()), BootID: bootID(), Build: w.script.Build, Protocol: w.script.protocol(),
	})
	check(err)
	w.script.delay(0)
	_, err = f.Write(append(line, '\n'))
	check(err)
	w.script.delay(w.script.BeforeLine)
	check(unix.Dup2(int(f.Fd()), 1))
	f.Close()
}

func (w *scripted) leave(reason string) {
	b, err := json.Marshal(workerv1.LastWords{Generation: w.boot.GetGeneration(), Reason: reason})
	check(err)
	name := filepath.Join(w.boot.GetRunDir(), workerv1.LastWordsFile)
	check(os.WriteFile(name+".new", b, 0o600))
	check(os.Rename(name+".new", name))
	os.Exit(workerv1.ExitOK)
}

func (w *scripted) Hello(context.Context, *workerv1.HelloRequest) (*workerv1.HelloResponse, error) {
	w.script.delay(0)
	check(unix.Dup2(2, 1))
	if w.script.Eat > 0 && w.food == nil {
		for range w.script.Eat {
			bite := make([]byte, 1<<20)
			for n := 0; n < len(bite); n += 4096 {
				bite[n] = 1
			}
			w.food = append(w.food, bite)
		}
	}
	hello := &workerv1.HelloResponse{
		Protocol: w.script.protocol(), Instance: w.boot.GetInstance(), Generation: w.boot.GetGeneration(), Pid: int64(os.Getpid()),
		StartTicks: startTicks(os.Getpid()), BootId: bootID(), Build: w.script.Build, Confinement: "none", StartedAt: timestamppb.New(w.started),
	}
	if w.script.Bare {
		hello.StartedAt, hello.StartTicks, hello.BootId, hello.Build = nil, 0, "", ""
	}
	w.script.age(hello)
	return hello, nil
}

func (w *scripted) Watch(_ *workerv1.WatchRequest, stream grpc.ServerStreamingServer[workerv1.WatchResponse]) error {
	state := w.script.Link
	if state == workerv1.LinkState_LINK_STATE_UNSPECIFIED {
		state = workerv1.LinkState_LINK_STATE_ONLINE
	}
	first := &workerv1.WatchResponse{Link: &workerv1.Link{State: state}, FeedHead: w.script.FeedHead}
	w.script.age(first)
	w.script.age(first.GetLink())
	if err := stream.Send(first); err != nil {
		return err
	}
	if w.script.DropWatch > 0 {
		w.script.delay(w.script.DropWatch)
		return nil
	}
	<-stream.Context().Done()
	return nil
}

// Call echoes, or does the one thing its method names.
func (w *scripted) Call(ctx context.Context, r *workerv1.CallRequest) (*workerv1.CallResponse, error) {
	switch r.GetMethod() {
	case "wait":
		<-ctx.Done()
		return nil, fault.ToGRPC(ctx.Err())
	case "refuse":
		return nil, fault.ToGRPC(fault.New(fault.Unpaired, "scripted", "no account"))
	case "panic":
		go func() { panic("asked to panic") }()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answer := &workerv1.CallResponse{Result: r.GetParams()}
	w.script.age(answer)
	return answer, nil
}

func (w *scripted) Ping(ctx context.Context, _ *workerv1.PingRequest) (*workerv1.PingResponse, error) {
	if w.script.Mute {
		<-ctx.Done()
	}
	if w.script.Bare {
		return &workerv1.PingResponse{}, nil
	}
	return &workerv1.PingResponse{Now: timestamppb.Now(), FeedHead: w.script.FeedHead}, nil
}

func (w *scripted) Stop(_ context.Context, r *workerv1.StopRequest) (*workerv1.StopResponse, error) {
	select {
	case w.stopped <- r.GetReason():
	default:
	}
	return &workerv1.StopResponse{}, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripted worker:", err)
		os.Exit(70)
	}
}

func startTicks(pid int) uint64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	n, _ := strconv.ParseUint(f[19], 10, 64)
	return n
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}
