package rpc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/peercred"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/redact"
)

const (
	drainTimeout = 500 * time.Millisecond // for the last answers when the worker ends
	serveTimeout = time.Second
	writeBuffer  = 256 << 10
	maxCall      = 80 << 20 // bytes; above the largest body that the manager takes
)

// Server is go-plugin's Serve around one gRPC server.
type Server struct {
	log   zerolog.Logger
	impl  workerv1.WorkerServer
	admit func(*unix.Ucred) error
	ready chan struct{} // closed when the gRPC server exists; the handshake line follows at once
	done  chan struct{} // closed when Serve returned
	grpc  *grpc.Server
	ctx   context.Context // ends every stream
	stop  context.CancelFunc
}

// NewServer returns a server that is not started. It answers calls of processes for
// which admit returns nil. The context ends its streams, not the server.
func NewServer(ctx context.Context, log zerolog.Logger, impl workerv1.WorkerServer, admit func(*unix.Ucred) error) *Server {
	s := &Server{log: log, impl: impl, admit: admit, ready: make(chan struct{}), done: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(ctx)
	return s
}

// Start prints go-plugin's handshake line on standard output and answers calls in the
// background, until Finish. It returns an error when the socket cannot be opened.
func (s *Server) Start(runDir string) error {
	// Only the run directory counts, whatever the environment says.
	for key, value := range map[string]string{
		plugin.EnvUnixSocketDir:    runDir,
		"PLUGIN_PROTOCOL_VERSIONS": strconv.Itoa(workerv1.Protocol),
	} {
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("set %s: %w", key, err)
		}
	}
	for _, key := range []string{"PLUGIN_CLIENT_CERT", "PLUGIN_MULTIPLEX_GRPC", plugin.EnvUnixSocketGroup} {
		_ = os.Unsetenv(key)
	}
	go func() {
		defer close(s.done)
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: plugin.HandshakeConfig{
				ProtocolVersion: workerv1.Protocol, MagicCookieKey: workerv1.CookieKey, MagicCookieValue: workerv1.CookieValue,
			},
			Plugins:    plugin.PluginSet{workerv1.PluginName: &grpcPlugin{impl: s.impl}},
			GRPCServer: s.newGRPC,
			Logger:     pluginLog(s.log),
		})
	}()
	select {
	case <-s.ready:
		return nil
	case <-s.done:
		return errors.New("serve: go-plugin returned at once")
	}
}

func (s *Server) newGRPC(opts []grpc.ServerOption) *grpc.Server {
	opts = append(opts,
		grpc.Creds(peercred.Worker(s.admit)), grpc.MaxRecvMsgSize(maxCall), grpc.WriteBufferSize(writeBuffer),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	s.grpc = grpc.NewServer(opts...)
	close(s.ready)
	return s.grpc
}

// Done is closed when the server has ended, be it by go-plugin's own Shutdown call.
func (s *Server) Done() <-chan struct{} { return s.done }

// Finish sends the answers that are on their way, and ends the server. The socket file
// is gone afterwards.
func (s *Server) Finish() {
	s.stop()
	drained := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainTimeout):
		s.grpc.Stop()
	}
	select {
	case <-s.done:
	case <-time.After(serveTimeout):
	}
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		err = s.outward(info.FullMethod, err)
	}()
	return next(ctx, req)
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		err = s.outward(info.FullMethod, err)
	}()
	return next(srv, endingStream{stream, ctx})
}

// endingStream ends with the server, so that an open Watch does not hold it up.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context ends with the server, too.
func (s endingStream) Context() context.Context { return s.ctx }

func (s *Server) panicked(method string, p any) error {
	s.log.Error().Str("rpc", method).Str("panic", fmt.Sprintf("%T", p)).Bytes("stack", debug.Stack()).Msg("call panicked")
	return fault.New(fault.Internal, method, "internal error")
}

// outward makes an error one for the manager. Its cause is logged here and goes no
// further.
func (s *Server) outward(method string, err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Internal && f.Err != nil {
		s.log.Error().Err(errors.New(redact.Text(f.Err.Error()))).Str("rpc", method).Str("op", f.Op).Msg("call failed")
	}
	return fault.ToGRPC(err)
}

// grpcPlugin is go-plugin's view of the service.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl workerv1.WorkerServer
}

// GRPCServer registers the service.
func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	workerv1.RegisterWorkerServer(s, p.impl)
	return nil
}

// GRPCClient makes the manager's side.
func (p *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerv1.NewWorkerClient(conn), nil
}

// pluginLog carries go-plugin's errors only.
func pluginLog(log zerolog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level:           hclog.Error,
		Output:          log.With().Str("module", "go-plugin").Logger(),
		DisableTime:     true,
		JSONFormat:      false,
		IncludeLocation: false,
	})
}
