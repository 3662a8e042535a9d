package workerconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/peercred"
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

const (
	windowSize = 8 << 20
	maxAnswer  = 128 << 20 // bytes; the largest file in base64 fits, and a worker cannot fill our memory
	bufferSize = 32 << 10  // of each worker
)

// ErrImpostor says that a process is not the worker that is expected.
var ErrImpostor = errors.New("not the worker that is expected")

var errEnded = errors.New("the process ended")

// Options are the same for all connections of a manager.
type Options struct {
	Build       string        // of the manager, told to workers in Hello
	CallTimeout time.Duration // of a call whose context has no deadline
	WorkerUID   int           // the user that workers run as

	// Called is told of each call when it has ended.
	Called func(method string, kind fault.Kind, took time.Duration)
}

// Conn is our side of one connection to one worker. Drop lets go of it; nothing
// here ever ends the worker.
type Conn struct {
	Process  *process.Process
	Identity *workerv1.Identity
	Socket   string
	Hello    *workerv1.HelloResponse
	Worker   workerv1.WorkerClient
	First    *workerv1.WatchResponse // of Watch: the full present state
	Watch    grpc.ServerStreamingClient[workerv1.WatchResponse]

	mu      sync.Mutex
	conn    *grpc.ClientConn // guarded by mu; known from go-plugin's first stream on
	dropped bool             // guarded by mu
	let     chan struct{}    // closed by Drop
	stop    context.CancelFunc
}

// AwaitAttachPoint waits until the pinned process has written its attach file.
// The file is written by another program into a directory; reading it again
// every few milliseconds costs less than watching it would.
func AwaitAttachPoint(ctx context.Context, dir workerproc.Dir, p *process.Process) (*workerv1.Identity, string, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		identity, socket, err := dir.AttachPoint()
		if err != nil {
			return nil, "", err
		}
		if identity != nil && identity.PID == p.PID() && socket != "" {
			return identity, socket, nil
		}
		select {
		case <-ctx.Done():
			return nil, "", fmt.Errorf("wait for attach file: %w", ctx.Err())
		case <-p.Done():
			return nil, "", errEnded
		case <-tick.C:
		}
	}
}

// Verify compares what the worker wrote about itself with what the kernel and
// the store say. The process is pinned, so the kernel speaks of the same one.
func Verify(instance string, atLeast uint64, p *process.Process, identity *workerv1.Identity) error {
	now, err := process.Identify(p.PID())
	if err != nil {
		return err
	}
	switch {
	case identity.Instance != instance:
		return fmt.Errorf("%w: it serves instance %q", ErrImpostor, identity.Instance)
	case identity.BootID != now.BootID || identity.StartTicks != now.StartTicks:
		return fmt.Errorf("%w: its attach file is another process's", ErrImpostor)
	case identity.Generation < atLeast:
		return fmt.Errorf("%w: it is of generation %d, the store is at %d", ErrImpostor, identity.Generation, atLeast)
	}
	return nil
}

// Dial connects through go-plugin, says Hello and opens Watch, all before ctx
// ends: the library itself has no deadline anywhere and would wait for ever on
// a stopped process.
func Dial(ctx context.Context, opts Options, p *process.Process, identity *workerv1.Identity, socket string) (*Conn, error) {
	a := &Conn{Process: p, Identity: identity, Socket: socket, let: make(chan struct{})}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: workerv1.Protocol, MagicCookieKey: workerv1.CookieKey, MagicCookieValue: workerv1.CookieValue,
		},
		Plugins:          plugin.PluginSet{workerv1.PluginName: stubPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		Reattach: &plugin.ReattachConfig{
			Protocol: plugin.ProtocolGRPC, ProtocolVersion: workerv1.Protocol,
			Addr: &net.UnixAddr{Name: socket, Net: "unix"}, Pid: p.PID(),
			ReattachFunc: func() (runner.AttachedRunner, error) { return attachedRunner{a}, nil },
		},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			grpc.WithTransportCredentials(peercred.Manager(p.PID(), opts.WorkerUID)),
			// A list of all chats is some megabytes; with the usual window of 64 KiB it
			// would take a hundred turns.
			grpc.WithInitialWindowSize(windowSize), grpc.WithInitialConnWindowSize(windowSize), grpc.WithReadBufferSize(bufferSize),
			grpc.WithUnaryInterceptor(intercept(opts)),
			grpc.WithChainStreamInterceptor(interceptStream, a.capture),
		},
	})
	connected := make(chan error, 1)
	go func() { connected <- a.connect(client) }()
	select {
	case err := <-connected:
		if err != nil {
			a.Drop()
			return nil, err
		}
	case <-ctx.Done():
		a.Drop()    // makes connect return
		<-connected //nolint:errcheck // Drop ended it
		a.Drop()    // in case it had just succeeded
		return nil, fmt.Errorf("connect to worker: %w", ctx.Err())
	}
	if err := a.greet(ctx, opts.Build, identity); err != nil {
		a.Drop()
		return nil, err
	}
	return a, nil
}

func (c *Conn) connect(client *plugin.Client) error {
	proto, err := client.Client()
	if err != nil {
		return fmt.Errorf("connect to worker: %w", err)
	}
	stub, err := proto.Dispense(workerv1.PluginName)
	if err != nil {
		return fmt.Errorf("dispense worker: %w", err)
	}
	c.Worker = stub.(workerv1.WorkerClient)
	return nil
}

// greet proves identity over the wire and waits for Watch's first message, the
// full present state. The watch itself lives until Drop.
func (c *Conn) greet(ctx context.Context, build string, identity *workerv1.Identity) error {
	hello, err := c.Worker.Hello(ctx, &workerv1.HelloRequest{Protocol: workerv1.Protocol, ManagerBuild: build})
	if err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	if hello.GetInstance() != identity.Instance || hello.GetGeneration() != identity.Generation || hello.GetPid() != int64(identity.PID) {
		return fmt.Errorf("%w: it answers as instance %q, generation %d, pid %d",
			ErrImpostor, hello.GetInstance(), hello.GetGeneration(), hello.GetPid())
	}
	c.Hello = hello

	wctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	early := context.AfterFunc(ctx, stop)
	defer early()
	if c.Watch, err = c.Worker.Watch(wctx, &workerv1.WatchRequest{}); err == nil {
		c.First, err = c.Watch.Recv()
	}
	if err == nil && !early() {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("open watch: %w", err)
	}
	return nil
}

// StopWatch ends Watch and keeps the connection.
func (c *Conn) StopWatch() { c.stop() }

// capture keeps the connection that go-plugin makes and does not show while it
// blocks, so that Drop can close it.
func (c *Conn) capture(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c.mu.Lock()
	c.conn = conn
	dropped := c.dropped
	c.mu.Unlock()
	if dropped {
		conn.Close()
	}
	return open(ctx, desc, conn, method, opts...)
}

// Drop closes our end of the connection. go-plugin's own Close and Kill are
// never used: both end the worker.
func (c *Conn) Drop() {
	c.mu.Lock()
	conn, again := c.conn, c.dropped
	c.dropped = true
	c.mu.Unlock()
	if !again {
		close(c.let)
	}
	if c.stop != nil {
		c.stop()
	}
	if conn != nil {
		conn.Close()
	}
}

// attachedRunner tells go-plugin when the process ended, by pidfd, or that we
// let go of it, which ends the library's goroutines the same way.
type attachedRunner struct{ c *Conn }

func (r attachedRunner) Wait(ctx context.Context) error {
	select {
	case <-r.c.Process.Done():
		return nil
	case <-r.c.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill is for go-plugin's clean-up, which we never ask for.
func (attachedRunner) Kill(context.Context) error {
	return errors.New("workers are ended by their instance, not by go-plugin")
}

func (r attachedRunner) ID() string { return strconv.Itoa(r.c.Process.PID()) }

func (attachedRunner) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (attachedRunner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
