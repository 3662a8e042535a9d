package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"google.golang.org/grpc"

	"whatsapp-manager/api/method"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store"
)

// calls carries calls to the workers.
type calls struct {
	timeout time.Duration
	workers sends.Workers
	sender  *sends.Sender
	pace    *callPace
	bodies  *bodies
	managed map[string]Managed // by method; what the manager answers itself
}

// relay carries one call with checked parameters to the worker of the instance
// and back, unopened.
func (c *calls) relay(ctx context.Context, in store.Instance, m catalog.Method, params method.Params, idempotency string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout+trace.Of(ctx).Longer)
	defer cancel()
	if m.Manager {
		return c.manage(ctx, in, m, params)
	}
	if m.Sends {
		answer, err := c.sender.Once(ctx, in, m.Name, params.Raw, idempotency)
		t := trace.Of(ctx)
		t.Replayed, t.SendKey = answer.Replayed, answer.Key
		return answer.Result, err
	}
	worker, err := c.workers.Worker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	account := c.bodies.account(ctx)
	if m.AnswersFile() {
		if err := account.Take(fileReserve); err != nil {
			return nil, err
		}
		defer account.Give(fileReserve)
	}
	left := account.Left()
	answer, err := worker.Call(ctx, &workerv1.CallRequest{Method: m.Name, Params: params.Raw}, grpc.MaxCallRecvMsgSize(int(min(max(left, leastAnswer), math.MaxInt32))))
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.TooLarge && f.Err != nil {
			// gRPC says so, and not the worker: the answer is larger than what is left.
			if full := account.Take(left + 1); full != nil {
				err = full
			}
		}
		return nil, err
	}
	if err := account.Take(answerCopies * int64(len(answer.GetResult()))); err != nil {
		return nil, err
	}
	return method.Finish(m, answer.GetResult()), nil
}

const (
	// answerCopies is how often an answer is in memory: as it came and as it is given on.
	answerCopies = 2
	// fileReserve is set aside for an answer that is a file, before it comes; most are smaller.
	fileReserve = 4 << 20
	// leastAnswer is what any call may answer, however much is under way.
	leastAnswer = 1 << 20
)

// call is relay for the management routes that are one method in other words.
func (c *calls) call(ctx context.Context, in store.Instance, name string, idempotency string, values ...any) (json.RawMessage, error) {
	const op = "api.call"
	m, ok := catalog.Lookup(name)
	if !ok {
		return nil, fault.New(fault.Unimplemented, op, "this build does not know %s", name)
	}
	params, err := method.Of(values...)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	t := trace.Of(ctx)
	t.Method = name
	if !t.Paced {
		if err := c.pace.wait(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	result, err := c.relay(ctx, in, m, params, idempotency)
	if err == nil && !m.Sends {
		err = c.bodies.account(ctx).Take(answerCopies * int64(len(result))) // taken apart and put together again
	}
	return result, err
}
