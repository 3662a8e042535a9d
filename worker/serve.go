package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/peercred"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const (
	drainTimeout = 500 * time.Millisecond // for answers that are on their way when the worker ends
	serveTimeout = time.Second
	writeBuffer  = 256 << 10
	maxCall      = 80 << 20 // bytes; above the largest body that the manager takes
)

// server is the RPC side: go-plugin's Serve around one gRPC server.
type server struct {
	log   zerolog.Logger
	impl  workerv1.WorkerServer
	gate  *gate
	ready chan struct{} // closed when the gRPC server exists; the handshake line follows at once
	done  chan struct{} // closed when Serve returned
	grpc  *grpc.Server
	ctx   context.Context // ends every stream
	stop  context.CancelFunc
}

func newServer(log zerolog.Logger, impl workerv1.WorkerServer, g *gate) *server {
	s := &server{log: log, impl: impl, gate: g, ready: make(chan struct{}), done: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// start prints go-plugin's handshake line on standard output and answers calls
// in the background. It returns an error when the socket cannot be opened.
func (s *server) start(runDir string) error {
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

func (s *server) newGRPC(opts []grpc.ServerOption) *grpc.Server {
	opts = append(opts, grpc.Creds(peercred.Worker(s.gate.admit)), grpc.MaxRecvMsgSize(maxCall), grpc.WriteBufferSize(writeBuffer), grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	s.grpc = grpc.NewServer(opts...)
	close(s.ready)
	return s.grpc
}

// finish lets answers that are on their way out, and ends the server. The
// socket file is gone afterwards.
func (s *server) finish() {
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

func (s *server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		err = s.outward(info.FullMethod, err)
	}()
	return next(ctx, req)
}

func (s *server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
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

// endingStream ends with the server, so that an open Watch does not keep it.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s endingStream) Context() context.Context { return s.ctx }

func (s *server) panicked(method string, p any) error {
	s.log.Error().Str("rpc", method).Str("panic", fmt.Sprintf("%T", p)).Bytes("stack", debug.Stack()).Msg("call panicked")
	return fault.New(fault.Internal, method, "internal error")
}

// outward is the boundary: the cause is logged here and stays here.
func (s *server) outward(method string, err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Internal && f.Err != nil {
		s.log.Error().Err(errors.New(withoutStanzas(f.Err.Error()))).Str("rpc", method).Str("op", f.Op).Msg("call failed")
	}
	return fault.ToGRPC(err)
}

// grpcPlugin is go-plugin's view of the service.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl workerv1.WorkerServer
}

func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	workerv1.RegisterWorkerServer(s, p.impl)
	return nil
}

func (p *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerv1.NewWorkerClient(conn), nil
}
