package rpc

import (
	"context"
	"encoding/json"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/catalog"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
)

// Loop is the worker's main loop as calls see it. Errors are *fault.Error, besides those
// of a context.
type Loop interface {
	// Ping returns when the loop has come to it.
	Ping(ctx context.Context) error
	// Pair shows codes to scan, or returns one to type.
	Pair(ctx context.Context, req *workerv1.PairRequest) (*workerv1.PairResponse, error)
	// AnswerPasskey sends WhatsApp an AuthenticationResponseJSON.
	AnswerPasskey(ctx context.Context, response []byte) error
	// ConfirmPasskey says whether the phone shows the code.
	ConfirmPasskey(ctx context.Context, matches bool) error
	// CancelLinking takes codes and ceremonies back.
	CancelLinking(ctx context.Context) error
	// Logout ends the pairing with WhatsApp.
	Logout(ctx context.Context) error
}

// Methods is the table of methods that can be called.
type Methods interface {
	Do(ctx context.Context, r relay.Request) (json.RawMessage, error)
	Download(ctx context.Context, messageID, part string) (media.Attachment, error)
}

// Spool keeps uploaded files.
type Spool interface {
	Put(r io.Reader, max int64) (name string, size int64, err error)
	Room(n int64) error
}

// Counters are what Stats reports. The zero value is ready for use.
type Counters struct {
	MessagesIn, MessagesOut, Events, HandlerFailures, Dials atomic.Uint64
	LastEvent                                               atomic.Int64 // unix nanoseconds
	Unreadable                                              Unreadable
}

// Unreadable counts what came sealed and could not be opened. The zero value is ready for
// use.
type Unreadable struct {
	votes, reactions, comments, eventResponses, edits atomic.Uint64
}

// Count adds one of a kind: vote, reaction, comment, event_response; anything else counts
// as an edit.
func (u *Unreadable) Count(kind string) {
	switch kind {
	case "vote":
		u.votes.Add(1)
	case "reaction":
		u.reactions.Add(1)
	case "comment":
		u.comments.Add(1)
	case "event_response":
		u.eventResponses.Add(1)
	default:
		u.edits.Add(1)
	}
}

func (u *Unreadable) present() *workerv1.Unreadable {
	return &workerv1.Unreadable{
		Votes: u.votes.Load(), Reactions: u.reactions.Load(), Comments: u.comments.Load(),
		EventResponses: u.eventResponses.Load(), Edits: u.edits.Load(),
	}
}

// Service answers the manager. All fields but Confinement have to be set.
type Service struct {
	workerv1.UnimplementedWorkerServer
	Loop     Loop
	Methods  Methods
	Spool    Spool
	MaxFile  int64 // bytes of an upload
	Status   *StatusBroadcaster
	Counters *Counters
	Identity workerv1.Identity
	// Confinement says what keeps the process to itself.
	Confinement string
	StartedAt   time.Time
	// Greeted is called at every Hello.
	Greeted func()
	// RawEvents is called when the manager says whether events carry raw content.
	RawEvents func(on bool)
	// Used is called at every call that does some work.
	Used func()
	// End ends the process gracefully and returns when the last words are written.
	End func(reason string)
}

// Hello proves which worker this is.
func (s *Service) Hello(context.Context, *workerv1.HelloRequest) (*workerv1.HelloResponse, error) {
	s.Greeted()
	return &workerv1.HelloResponse{
		Protocol: s.Identity.Protocol, Instance: s.Identity.Instance, Generation: s.Identity.Generation,
		Pid: int64(s.Identity.PID), StartTicks: s.Identity.StartTicks, BootId: s.Identity.BootID,
		Build: s.Identity.Build, StartedAt: timestamppb.New(s.StartedAt), Confinement: s.Confinement,
	}, nil
}

// Watch sends the status now and at each change.
func (s *Service) Watch(_ *workerv1.WatchRequest, stream workerv1.Worker_WatchServer) error {
	return s.Status.watch(stream.Context(), stream.Send)
}

// Call calls a method of the table.
func (s *Service) Call(ctx context.Context, req *workerv1.CallRequest) (*workerv1.CallResponse, error) {
	s.Used()
	result, err := s.Methods.Do(ctx, relay.Request{
		Method: req.GetMethod(), Params: json.RawMessage(req.GetParams()),
		MessageID: req.GetMessageId(), First: req.GetFirst(), FirstContacts: req.GetFirstContacts(),
	})
	if err != nil {
		return nil, err
	}
	if m, ok := catalog.Lookup(req.GetMethod()); ok && m.Sends {
		s.Counters.MessagesOut.Add(1)
	}
	return &workerv1.CallResponse{Result: result}, nil
}

// Ping answers when the main loop runs.
func (s *Service) Ping(ctx context.Context, req *workerv1.PingRequest) (*workerv1.PingResponse, error) {
	if req.RawEvents != nil {
		s.RawEvents(req.GetRawEvents())
	}
	if err := s.Loop.Ping(ctx); err != nil {
		return nil, err
	}
	link, head := s.Status.Present()
	return &workerv1.PingResponse{
		Now: timestamppb.Now(), LastFrameAt: link.GetLastFrameAt(), Link: link.GetState(), FeedHead: head,
		Unreadable: s.Counters.Unreadable.present(),
	}, nil
}

// Pair starts or changes a pairing.
func (s *Service) Pair(ctx context.Context, req *workerv1.PairRequest) (*workerv1.PairResponse, error) {
	return s.Loop.Pair(ctx, req)
}

// AnswerPasskey sends WhatsApp the assertion that it asks for.
func (s *Service) AnswerPasskey(
	ctx context.Context, req *workerv1.AnswerPasskeyRequest,
) (*workerv1.AnswerPasskeyResponse, error) {
	s.Used()
	if err := s.Loop.AnswerPasskey(ctx, req.GetResponse()); err != nil {
		return nil, err
	}
	return &workerv1.AnswerPasskeyResponse{}, nil
}

// ConfirmPasskey says whether the code is the phone's.
func (s *Service) ConfirmPasskey(
	ctx context.Context, req *workerv1.ConfirmPasskeyRequest,
) (*workerv1.ConfirmPasskeyResponse, error) {
	if err := s.Loop.ConfirmPasskey(ctx, req.GetMatches()); err != nil {
		return nil, err
	}
	return &workerv1.ConfirmPasskeyResponse{}, nil
}

// CancelLinking takes codes and ceremonies back.
func (s *Service) CancelLinking(
	ctx context.Context, _ *workerv1.CancelLinkingRequest,
) (*workerv1.CancelLinkingResponse, error) {
	if err := s.Loop.CancelLinking(ctx); err != nil {
		return nil, err
	}
	return &workerv1.CancelLinkingResponse{}, nil
}

// Logout ends the pairing.
func (s *Service) Logout(ctx context.Context, _ *workerv1.LogoutRequest) (*workerv1.LogoutResponse, error) {
	if err := s.Loop.Logout(ctx); err != nil {
		return nil, err
	}
	return &workerv1.LogoutResponse{}, nil
}

// Stats tells what the worker has done and what it takes.
func (s *Service) Stats(context.Context, *workerv1.StatsRequest) (*workerv1.StatsResponse, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := s.Counters
	resp := &workerv1.StatsResponse{
		HeapBytes: m.HeapAlloc, Goroutines: uint64(runtime.NumGoroutine()),
		MessagesIn: n.MessagesIn.Load(), MessagesOut: n.MessagesOut.Load(), Events: n.Events.Load(),
		HandlerFailures: n.HandlerFailures.Load(), Reconnects: n.Dials.Load(), Unreadable: n.Unreadable.present(),
	}
	if resp.Reconnects > 0 {
		resp.Reconnects-- // the first was a connect
	}
	if at := n.LastEvent.Load(); at > 0 {
		resp.LastEventAt = timestamppb.New(time.Unix(0, at))
	}
	return resp, nil
}

// Stop ends the worker, and answers when its last words are written.
func (s *Service) Stop(_ context.Context, req *workerv1.StopRequest) (*workerv1.StopResponse, error) {
	reason := req.GetReason()
	if reason == "" {
		reason = "stop"
	}
	s.End(reason)
	return &workerv1.StopResponse{}, nil
}
