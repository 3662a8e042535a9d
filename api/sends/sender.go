package sends

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// codeRate is the code of a send that the instance's own rate refuses. WhatsApp's
// refusals have other codes.
const codeRate = "send_rate"

// Workers gives the live worker of an instance, or the fault that says why there
// is none. *supervisor.Supervisor is one. Errors of the worker's unary calls are
// fault errors.
type Workers interface {
	Worker(ctx context.Context, id supervisor.ID) (workerv1.WorkerClient, error)
}

// Store keeps what became of sends; *store.Store is one.
type Store interface {
	BeginSend(ctx context.Context, send store.Send) (known store.Send, fresh bool, err error)
	MarkSend(ctx context.Context, send store.Send, tried bool, also ...store.Event) error
	ForgetSend(ctx context.Context, instance supervisor.ID, key string) error
	WasSent(ctx context.Context, instance supervisor.ID, messageID string) (bool, error)
	Pause(ctx context.Context, instance supervisor.ID) (store.Pause, error)
	fileStore
}

// Gate says what a number may send now, for the sake of its health.
type Gate interface {
	// Admit lets a send of the instance go, or returns a fault.RateLimited that says why
	// not and when again. It may wait for a while before it answers, except for a send
	// from the queue, which comes again by itself.
	Admit(ctx context.Context, in store.Instance, queued bool) (Pass, error)
	// Heed is told that WhatsApp refused a send for the number's sake.
	Heed(id supervisor.ID)
	// Forget drops what is remembered of an instance that is gone.
	Forget(id supervisor.ID)
}

// Pass is the leave to make one send.
type Pass struct {
	// FirstContacts bounds to whom it may go; nil: to anybody.
	FirstContacts *workerv1.FirstContacts
	// GiveBack says that nothing was sent; it may be nil.
	GiveBack func()
}

// open is the gate that lets everything through.
type open struct{}

func (open) Admit(context.Context, store.Instance, bool) (Pass, error) { return Pass{}, nil }
func (open) Heed(supervisor.ID)                                        {}
func (open) Forget(supervisor.ID)                                      {}

// Sender sends messages in the rate of their instances. Its methods may be called
// from any goroutine.
type Sender struct {
	store    Store
	workers  Workers
	log      zerolog.Logger
	limits   *limits
	gate     Gate
	underway inProgress
}

// New returns a sender. One sender serves all routes and the queue, because it
// counts the sends of each instance. The gate may be nil: then everything goes.
func New(st Store, workers Workers, gate Gate, log zerolog.Logger) *Sender {
	if gate == nil {
		gate = open{}
	}
	return &Sender{store: st, workers: workers, log: log, limits: newLimits(), gate: gate}
}

// Report is the end of one try.
type Report struct {
	Outcome Outcome
	Asked   bool            // a worker was asked
	Result  json.RawMessage // what the worker answered, when the outcome is Sent
	Err     error           // nil when the outcome is Sent
}

// Call is a send as the worker gets it.
type Call struct {
	Method    string
	Params    json.RawMessage
	MessageID string // fixed before the first try
	First     bool   // no earlier try can have sent it, so the worker need not look
	Queued    bool   // it comes from the queue, which tries again by itself
	Key       string // of a queued one, with which its files wait
}

// Try makes one try at a send, for as long as ctx lets it. It takes its place in
// the instance's rate first; a full minute is fault.RateLimited with the code
// send_rate. A try after which WhatsApp was not asked gives its place in the rate
// back. What the number may not send for the sake of its health is fault.RateLimited,
// too, with a code of package healthpolicy.
func (s *Sender) Try(ctx context.Context, in store.Instance, call Call) Report {
	pass, err := s.gate.Admit(ctx, in, call.Queued)
	if err != nil {
		return Report{Outcome: NotSent, Err: err}
	}
	place, wait := s.limits.take(in.ID, in.SendsPerMinute, time.Now())
	giveBack := func() {
		place()
		if pass.GiveBack != nil {
			pass.GiveBack()
		}
	}
	if wait > 0 {
		giveBack()
		return Report{Outcome: NotSent, Err: &fault.Error{
			Kind: fault.RateLimited, Op: "sends.Try", Code: codeRate, RetryAfter: wait,
			Msg: "the instance has sent as many messages as it may send in a minute",
		}}
	}
	worker, err := s.workers.Worker(ctx, in.ID)
	if err != nil {
		giveBack()
		return Report{Outcome: NotSent, Err: err}
	}
	if call.Queued {
		if err := s.handOver(ctx, worker, in.ID, call.Key); err != nil {
			giveBack()
			return Report{Outcome: NotSent, Err: err}
		}
	}
	answer, err := worker.Call(ctx, &workerv1.CallRequest{
		Method: call.Method, Params: call.Params, MessageId: call.MessageID, First: call.First,
		FirstContacts: pass.FirstContacts,
	})
	report := Report{Outcome: outcomeOf(err), Asked: true, Result: answer.GetResult(), Err: err}
	code, _ := Cause(err)
	switch {
	case report.Outcome != NotSent:
	case !fault.Is(err, fault.RateLimited), pass.FirstContacts != nil && code == pass.FirstContacts.GetReason():
		giveBack() // of the latter WhatsApp was not asked
	default:
		// A RateLimited of WhatsApp counts as a send, so that nobody asks without end.
		s.gate.Heed(in.ID)
	}
	return report
}

// Forget drops what is remembered of an instance that is gone.
func (s *Sender) Forget(id supervisor.ID) {
	s.limits.forget(id)
	s.gate.Forget(id)
}

// Cause is what a reader of a send is told about its last failure. It is empty for
// no error, and hides what only the operator may know.
func Cause(err error) (code, reason string) {
	if err == nil {
		return "", ""
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		return string(fault.Internal), "an error on our side"
	}
	if code = f.Code; code == "" {
		code = string(f.Kind)
	}
	return code, f.Msg
}

// OrNull tells a call that answered nothing from one that was not answered.
func OrNull(result json.RawMessage) json.RawMessage {
	if len(result) == 0 {
		return json.RawMessage("null")
	}
	return result
}
