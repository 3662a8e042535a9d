package worker

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/relay"
)

// service answers the manager. Errors are faults; the interceptors carry them.
type service struct {
	workerv1.UnimplementedWorkerServer
	core        *core
	table       *relay.Table
	identity    workerv1.Identity
	confinement string
	startedAt   time.Time
	stdio       *stdio
	// stop ends the process gracefully and returns when the last words are written.
	stop func(ctx context.Context, reason string)
}

func (s *service) Hello(context.Context, *workerv1.HelloRequest) (*workerv1.HelloResponse, error) {
	s.stdio.toLog()
	return &workerv1.HelloResponse{
		Protocol: s.identity.Protocol, Instance: s.identity.Instance, Generation: s.identity.Generation,
		Pid: int64(s.identity.PID), StartTicks: s.identity.StartTicks, BootId: s.identity.BootID,
		Build: s.identity.Build, StartedAt: timestamppb.New(s.startedAt), Confinement: s.confinement,
	}, nil
}

func (s *service) Watch(_ *workerv1.WatchRequest, stream workerv1.Worker_WatchServer) error {
	return s.core.board.watch(stream.Context(), stream.Send)
}

func (s *service) Call(ctx context.Context, req *workerv1.CallRequest) (*workerv1.CallResponse, error) {
	s.core.idle.touch()
	call := s.table.Call
	if req.GetFirst() {
		call = s.table.CallFirst
	}
	result, err := call(ctx, req.GetMethod(), json.RawMessage(req.GetParams()), req.GetMessageId())
	if err != nil {
		return nil, err
	}
	if m, ok := catalog.Lookup(req.GetMethod()); ok && m.Sends {
		s.core.counts.out.Add(1)
	}
	return &workerv1.CallResponse{Result: result}, nil
}

func (s *service) Ping(ctx context.Context, _ *workerv1.PingRequest) (*workerv1.PingResponse, error) {
	turned := pingCall{make(chan struct{})}
	s.core.tell(turned)
	select {
	case <-turned.answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	link, head := s.core.board.present()
	return &workerv1.PingResponse{Now: timestamppb.Now(), LastFrameAt: link.GetLastFrameAt(), Link: link.GetState(), FeedHead: head}, nil
}

func (s *service) Pair(ctx context.Context, req *workerv1.PairRequest) (*workerv1.PairResponse, error) {
	phone := ""
	if req.GetPhoneNumber() != "" {
		var err error
		if phone, err = phoneDigits(req.GetPhoneNumber()); err != nil {
			return nil, err
		}
	}
	call := &pairCall{ctx: ctx, phone: phone, notify: req.GetShowNotification(), cancel: req.GetCancel(), device: req.GetDeviceName(), shown: req.GetBrowser(), answer: make(chan pairAnswer, 1)}
	s.core.tell(call)
	select {
	case a := <-call.answer:
		if a.err != nil {
			return nil, a.err
		}
		resp := &workerv1.PairResponse{Code: a.code}
		if !a.expires.IsZero() {
			resp.ExpiresAt = timestamppb.New(a.expires)
		}
		return resp, nil
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, "worker.Pair", ctx.Err(), "WhatsApp cannot be reached")
	}
}

func (s *service) Logout(ctx context.Context, _ *workerv1.LogoutRequest) (*workerv1.LogoutResponse, error) {
	if err := s.core.logout(ctx); err != nil {
		return nil, err
	}
	return &workerv1.LogoutResponse{}, nil
}

func (s *service) Stats(context.Context, *workerv1.StatsRequest) (*workerv1.StatsResponse, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := &s.core.counts
	resp := &workerv1.StatsResponse{
		HeapBytes: m.HeapAlloc, Goroutines: uint64(runtime.NumGoroutine()),
		MessagesIn: n.in.Load(), MessagesOut: n.out.Load(), Events: n.events.Load(),
		HandlerFailures: n.failures.Load(), Reconnects: n.dials.Load(),
	}
	if resp.Reconnects > 0 {
		resp.Reconnects-- // the first was a connect
	}
	if at := n.lastEvent.Load(); at > 0 {
		resp.LastEventAt = timestamppb.New(time.Unix(0, at))
	}
	return resp, nil
}

func (s *service) Stop(ctx context.Context, req *workerv1.StopRequest) (*workerv1.StopResponse, error) {
	reason := req.GetReason()
	if reason == "" {
		reason = "stop"
	}
	s.stop(ctx, reason)
	return &workerv1.StopResponse{}, nil
}

// logout ends the pairing with WhatsApp. The worker lives on, unpaired.
func (c *core) logout(ctx context.Context) error {
	const op = "worker.Logout"
	link, _ := c.board.present()
	s := c.current.Load()
	if link.GetJid() == "" {
		return fault.New(fault.Unpaired, op, "this instance has no WhatsApp account")
	}
	if s == nil || link.GetState() != workerv1.LinkState_LINK_STATE_ONLINE && link.GetWaState() != waConnected {
		return fault.New(fault.Offline, op, "WhatsApp cannot be reached now")
	}
	err := s.cli.Logout(ctx)
	var iq *whatsmeow.IQError
	switch {
	case err == nil, s.cli.Store.Deleted:
	case errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return fault.Wrap(fault.Unpaired, op, err, "this instance has no WhatsApp account")
	case errors.As(err, &iq):
		return fault.Wrap(fault.Refused, op, err, "WhatsApp refused to end the pairing")
	case strings.HasPrefix(err.Error(), "error deleting data from store"):
		// WhatsApp has ended it; only our keys are left, and removeDevice sees to them.
	default:
		return fault.Wrap(fault.Offline, op, err, "WhatsApp cannot be reached now")
	}
	c.tell(fromSession{s, loggedOutBy{}})
	return nil
}
