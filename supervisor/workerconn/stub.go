package workerconn

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// stubPlugin gives go-plugin the client side of our contract. The server side
// is the worker's.
type stubPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (stubPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return fault.New(fault.Internal, "workerconn.stub", "the manager serves no worker")
}

func (stubPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerv1.NewWorkerClient(conn), nil
}

var ours = "/" + workerv1.Worker_ServiceDesc.ServiceName + "/"

// intercept makes the unary calls of the generated stub keep the promises of
// the package: they always have a deadline, each error is a fault.Error,
// and each call is counted. A failure of a call that was never handed to the
// worker is marked so.
func intercept(o Options) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		name, isOurs := strings.CutPrefix(method, ours)
		if !isOurs { // go-plugin's own services
			return invoke(ctx, method, req, reply, conn, opts...)
		}
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.CallTimeout)
			defer cancel()
		}
		began := time.Now()
		var via peer.Peer // who has the call; nobody as long as no connection was found for it
		err := fault.FromGRPC("worker."+name, invoke(ctx, method, req, reply, conn, append(slices.Clip(opts), grpc.Peer(&via))...))
		if via.Addr == nil {
			err = fault.Unsent(err)
		}
		o.Called(name, fault.KindOf(err), time.Since(began))
		return err
	}
}

// interceptStream makes the streams of the generated stub keep the promise of
// the package about errors: each is a fault.Error, or io.EOF.
func interceptStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	name, isOurs := strings.CutPrefix(method, ours)
	stream, err := open(ctx, desc, conn, method, opts...)
	if !isOurs { // go-plugin's own services
		return stream, err
	}
	op := "worker." + name
	if err != nil {
		return nil, fault.FromGRPC(op, err)
	}
	return faultStream{stream, op}, nil
}

// faultStream is a stream whose errors are faults.
type faultStream struct {
	grpc.ClientStream
	op string
}

func (s faultStream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	return md, s.fault(err)
}

func (s faultStream) CloseSend() error          { return s.fault(s.ClientStream.CloseSend()) }
func (s faultStream) SendMsg(message any) error { return s.fault(s.ClientStream.SendMsg(message)) }
func (s faultStream) RecvMsg(message any) error { return s.fault(s.ClientStream.RecvMsg(message)) }

// fault leaves io.EOF alone: it says that the stream is over, and gRPC's own
// code compares it.
func (s faultStream) fault(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fault.FromGRPC(s.op, err)
}
