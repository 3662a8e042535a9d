package supervisor

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

	"whatsapp-manager/proto/peercred"
	workerv1 "whatsapp-manager/proto/worker/v1"

	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

const (
	windowSize = 8 << 20
	maxAnswer  = 128 << 20 // bytes; the largest file in base64 fits, and a worker cannot fill our memory
	bufferSize = 256 << 10
)

var (
	errEnded    = errors.New("the process ended")
	errImpostor = errors.New("not the worker that is expected")
)

// attachment is our side of one connection to one worker. drop lets go of it;
// nothing here ever ends the worker.
type attachment struct {
	proc     *process.Process
	identity *workerv1.Identity
	socket   string
	hello    *workerv1.HelloResponse
	worker   workerv1.WorkerClient
	first    *workerv1.WatchResponse
	watch    grpc.ServerStreamingClient[workerv1.WatchResponse]

	mu      sync.Mutex
	conn    *grpc.ClientConn // guarded by mu; known from go-plugin's first stream on
	dropped bool             // guarded by mu
	let     chan struct{}    // closed by drop
	stop    context.CancelFunc
}

// awaitAttachPoint waits until the pinned process has written its attach file.
// The file is written by another program into a directory; reading it again
// every few milliseconds costs less than watching it would.
func awaitAttachPoint(ctx context.Context, dir workerproc.Dir, p *process.Process) (*workerv1.Identity, string, error) {
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

// verify compares what the worker wrote about itself with what the kernel and
// the store say. The process is pinned, so the kernel speaks of the same one.
func verify(id ID, atLeast uint64, p *process.Process, identity *workerv1.Identity) error {
	now, err := process.Identify(p.PID())
	if err != nil {
		return err
	}
	switch {
	case identity.Instance != string(id):
		return fmt.Errorf("%w: it serves instance %q", errImpostor, identity.Instance)
	case identity.BootID != now.BootID || identity.StartTicks != now.StartTicks:
		return fmt.Errorf("%w: its attach file is another process's", errImpostor)
	case identity.Generation < atLeast:
		return fmt.Errorf("%w: it is of generation %d, the store is at %d", errImpostor, identity.Generation, atLeast)
	}
	return nil
}

// dial connects through go-plugin, says Hello and opens Watch, all before ctx
// ends: the library itself has no deadline anywhere and would wait for ever on
// a stopped process.
func (s *Supervisor) dial(ctx context.Context, p *process.Process, identity *workerv1.Identity, socket string) (*attachment, error) {
	a := &attachment{proc: p, identity: identity, socket: socket, let: make(chan struct{})}
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
			grpc.WithTransportCredentials(peercred.Manager(p.PID(), s.cfg.workerUID())),
			// A list of all chats is some megabytes; with the usual window of 64 KiB it
			// would take a hundred turns.
			grpc.WithInitialWindowSize(windowSize), grpc.WithInitialConnWindowSize(windowSize), grpc.WithReadBufferSize(bufferSize),
			grpc.WithUnaryInterceptor(intercept(s.cfg.CallTimeout, s.metrics)),
			grpc.WithChainStreamInterceptor(interceptStream, a.capture),
		},
	})
	connected := make(chan error, 1)
	go func() { connected <- a.connect(client) }()
	select {
	case err := <-connected:
		if err != nil {
			a.drop()
			return nil, err
		}
	case <-ctx.Done():
		a.drop() // makes connect return
		<-connected
		a.drop() // in case it had just succeeded
		return nil, fmt.Errorf("connect to worker: %w", ctx.Err())
	}
	if err := a.greet(ctx, s.cfg.Build, identity); err != nil {
		a.drop()
		return nil, err
	}
	return a, nil
}

func (a *attachment) connect(client *plugin.Client) error {
	proto, err := client.Client()
	if err != nil {
		return fmt.Errorf("connect to worker: %w", err)
	}
	stub, err := proto.Dispense(workerv1.PluginName)
	if err != nil {
		return fmt.Errorf("dispense worker: %w", err)
	}
	a.worker = stub.(workerv1.WorkerClient)
	return nil
}

// greet proves identity over the wire and waits for Watch's first message, the
// full present state. The watch itself lives until drop.
func (a *attachment) greet(ctx context.Context, build string, identity *workerv1.Identity) error {
	hello, err := a.worker.Hello(ctx, &workerv1.HelloRequest{Protocol: workerv1.Protocol, ManagerBuild: build})
	if err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	if hello.GetInstance() != identity.Instance || hello.GetGeneration() != identity.Generation || hello.GetPid() != int64(identity.PID) {
		return fmt.Errorf("%w: it answers as instance %q, generation %d, pid %d",
			errImpostor, hello.GetInstance(), hello.GetGeneration(), hello.GetPid())
	}
	a.hello = hello

	wctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	early := context.AfterFunc(ctx, stop)
	defer early()
	if a.watch, err = a.worker.Watch(wctx, &workerv1.WatchRequest{}); err == nil {
		a.first, err = a.watch.Recv()
	}
	if err == nil && !early() {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("open watch: %w", err)
	}
	return nil
}

// capture keeps the connection that go-plugin makes and does not show while it
// blocks, so that drop can close it.
func (a *attachment) capture(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	a.mu.Lock()
	a.conn = conn
	dropped := a.dropped
	a.mu.Unlock()
	if dropped {
		conn.Close()
	}
	return open(ctx, desc, conn, method, opts...)
}

// drop closes our end of the connection. go-plugin's own Close and Kill are
// never used: both end the worker.
func (a *attachment) drop() {
	a.mu.Lock()
	conn, again := a.conn, a.dropped
	a.dropped = true
	a.mu.Unlock()
	if !again {
		close(a.let)
	}
	if a.stop != nil {
		a.stop()
	}
	if conn != nil {
		conn.Close()
	}
}

// attachedRunner tells go-plugin when the process ended, by pidfd, or that we
// let go of it, which ends the library's goroutines the same way.
type attachedRunner struct{ a *attachment }

func (r attachedRunner) Wait(ctx context.Context) error {
	select {
	case <-r.a.proc.Done():
		return nil
	case <-r.a.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill is for go-plugin's clean-up, which we never ask for.
func (attachedRunner) Kill(context.Context) error {
	return errors.New("workers are ended by their instance, not by go-plugin")
}

func (r attachedRunner) ID() string { return strconv.Itoa(r.a.proc.PID()) }

func (attachedRunner) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (attachedRunner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
