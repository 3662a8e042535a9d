package supervisor

import (
	"context"
	"strings"
	"time"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// stubPlugin gives go-plugin the client side of our contract. The server side
// is the worker's.
type stubPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (stubPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return fault.New(fault.Internal, "supervisor.stub", "the manager serves no worker")
}

func (stubPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerv1.NewWorkerClient(conn), nil
}

var ours = "/" + workerv1.Worker_ServiceDesc.ServiceName + "/"

// intercept makes the generated stub keep the promises of Supervisor.Worker:
// a deadline always, errors as fault.Error, every call counted. A failure of a
// call that was never handed to the worker is marked so.
func intercept(timeout time.Duration, m *metrics) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		name, isOurs := strings.CutPrefix(method, ours)
		if !isOurs { // go-plugin's own services
			return invoke(ctx, method, req, reply, conn, opts...)
		}
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		began := time.Now()
		var via peer.Peer // who has the call; nobody as long as no connection was found for it
		err := fault.FromGRPC("worker."+name, invoke(ctx, method, req, reply, conn, append(opts[:len(opts):len(opts)], grpc.Peer(&via))...))
		if via.Addr == nil {
			err = fault.Unsent(err)
		}
		m.called(name, fault.KindOf(err), time.Since(began))
		return err
	}
}
