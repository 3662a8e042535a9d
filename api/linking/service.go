package linking

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"time"

	"whatsapp-manager/api/qr"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/proto/phone"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

const (
	codeSoon    = "qr_not_ready"
	pairingWait = 10 * time.Second // for a worker that is starting, before it is asked for a code
	// LongestWait is how long View waits at the most.
	LongestWait = 30 * time.Second
)

// Supervisor is what linking needs of supervision; *supervisor.Supervisor is one. Errors
// of a worker's unary calls are fault errors.
type Supervisor interface {
	Worker(ctx context.Context, id supervisor.ID) (workerv1.WorkerClient, error)
	Want(ctx context.Context, id supervisor.ID, d supervisor.Desired) error
	Status(id supervisor.ID) (supervisor.Status, bool)
	Subscribe(id supervisor.ID) *supervisor.Subscription
}

// Service links accounts. It is safe for concurrent use, and trusts its callers to have
// made sure that the instance is theirs. Errors are fault errors.
type Service struct{ supervisor Supervisor }

// New returns a service that asks the workers of the supervisor.
func New(s Supervisor) *Service { return &Service{s} }

// View returns the document of an instance's linking. While its version is after, which
// may be zero, View waits for the next one, for at most wait. When ctx ends first, View
// returns the cause of that.
func (s *Service) View(ctx context.Context, id supervisor.ID, after uint64, wait time.Duration) (linking.LinkDocument, error) {
	changes := s.supervisor.Subscribe(id)
	defer changes.Close()
	deadline := time.NewTimer(min(wait, LongestWait))
	defer deadline.Stop()
	for {
		doc, err := s.document(id)
		if err != nil || after == 0 || doc.Version != after {
			return doc, err
		}
		select {
		case <-changes.C():
		case <-deadline.C:
			return doc, nil
		case <-ctx.Done():
			return doc, context.Cause(ctx)
		}
	}
}

// document is how far the instance is now. Where no worker runs, it says so.
func (s *Service) document(id supervisor.ID) (linking.LinkDocument, error) {
	st, ok := s.supervisor.Status(id)
	switch {
	case !ok || st.State == supervisor.Stopped || st.Desired == supervisor.Stop:
		return without(linking.StepIdle, "stopped", "the instance is not running"), nil
	case st.State == supervisor.Failed:
		return without(linking.StepFailed, "failed", "the worker does not start"), nil
	case st.State != supervisor.Running || st.Link.GetLinking() == nil && st.Link.GetState() == workerv1.LinkState_LINK_STATE_CONNECTING:
		return without(linking.StepIdle, "starting", "the worker is on its way"), nil
	}
	doc := linking.Of(st.Link)
	if doc.Version == 0 { // a worker of an older build
		doc.Version = versionOf(st.Link.GetState().String() + st.Link.GetQr() + st.Link.GetPairingCode())
	}
	if doc.QR == "" {
		return doc, nil
	}
	code, err := qr.New(doc.QR)
	if err == nil {
		doc.QRCode, err = code.DataURL(qr.ForScreens)
	}
	if err != nil {
		return doc, fault.Wrap(fault.Internal, "linking.View", err, "internal error")
	}
	return doc, nil
}

// without is the document where no worker can tell.
func without(step, code, detail string) linking.LinkDocument {
	return linking.LinkDocument{Version: versionOf(code), Step: step, Error: linking.NewProblem(code, detail)}
}

// versionOf tells documents without a version of the worker's apart. It stays far below
// the versions of workers, which are times in milliseconds.
func versionOf(content string) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(content)) // never fails
	return uint64(h.Sum32())
}

// Begin starts the instance if need be, and has codes shown: to scan, or for a phone
// number one to type. A linking that is under way goes on. Conflict when the account is
// linked already, or when a number is given while a passkey is asked for.
func (s *Service) Begin(ctx context.Context, id supervisor.ID, phoneNumber string) (linking.LinkDocument, error) {
	const op = "linking.Begin"
	request := &workerv1.PairRequest{}
	if phoneNumber != "" {
		digits, err := phone.Digits(phoneNumber)
		if err != nil {
			return linking.LinkDocument{}, fault.Bad(op, "phoneNumber", "phoneNumber: %v", err)
		}
		request.PhoneNumber, request.ShowNotification = digits, true
	}
	if st, ok := s.supervisor.Status(id); ok && st.Desired == supervisor.Stop {
		if err := s.supervisor.Want(ctx, id, supervisor.Run); err != nil {
			return linking.LinkDocument{}, err
		}
	}
	if _, err := s.Pair(ctx, id, request); err != nil {
		return linking.LinkDocument{}, err
	}
	return s.document(id)
}

// Passkey gives WhatsApp the answer of the account's passkey, an AuthenticationResponseJSON
// of WebAuthn. Invalid names what is wrong with it, Refused is WhatsApp's no, Conflict
// means that none is asked for, or that one was given already.
func (s *Service) Passkey(ctx context.Context, id supervisor.ID, response json.RawMessage) (linking.LinkDocument, error) {
	const op = "linking.Passkey"
	doc, err := s.document(id)
	if err != nil {
		return doc, err
	}
	if doc.Passkey == nil {
		return doc, &fault.Error{
			Kind: fault.Conflict, Op: op, Code: "no_passkey_asked",
			Msg: "WhatsApp does not wait for a passkey now; the step of the linking is " + doc.Step,
		}
	}
	checked, err := checkAssertion(response, doc.Passkey.PublicKey)
	if err != nil {
		return doc, err
	}
	worker, err := s.supervisor.Worker(ctx, id)
	if err != nil {
		return doc, err
	}
	if _, err = worker.AnswerPasskey(ctx, &workerv1.AnswerPasskeyRequest{Response: checked}); err != nil {
		return doc, err
	}
	return s.document(id)
}

// Confirm says whether the phone shows the same code. When it does not, the linking ends.
// Conflict when there is nothing to compare.
func (s *Service) Confirm(ctx context.Context, id supervisor.ID, matches bool) (linking.LinkDocument, error) {
	worker, err := s.supervisor.Worker(ctx, id)
	if err != nil {
		return linking.LinkDocument{}, err
	}
	if _, err = worker.ConfirmPasskey(ctx, &workerv1.ConfirmPasskeyRequest{Matches: matches}); err != nil {
		return linking.LinkDocument{}, err
	}
	return s.document(id)
}

// Cancel ends a linking that is under way; the instance goes on running. Conflict when
// the account is linked.
func (s *Service) Cancel(ctx context.Context, id supervisor.ID) (linking.LinkDocument, error) {
	worker, err := s.supervisor.Worker(ctx, id)
	if err != nil {
		return linking.LinkDocument{}, err
	}
	if _, err = worker.CancelLinking(ctx, &workerv1.CancelLinkingRequest{}); err != nil {
		return linking.LinkDocument{}, err
	}
	return s.document(id)
}

// Pair asks the worker to pair, once it is there.
func (s *Service) Pair(
	ctx context.Context, id supervisor.ID, request *workerv1.PairRequest,
) (answer *workerv1.PairResponse, err error) {
	err = s.await(ctx, id, pairingWait, func() error {
		worker, err := s.supervisor.Worker(ctx, id)
		if err != nil {
			return err
		}
		answer, err = worker.Pair(ctx, request)
		return err
	})
	return answer, err
}

func (s *Service) begin(ctx context.Context, id supervisor.ID) error {
	worker, err := s.supervisor.Worker(ctx, id)
	if err != nil {
		return err
	}
	_, err = worker.Pair(ctx, &workerv1.PairRequest{})
	return err
}

// await tries until the answer is no longer "soon": whenever the instance's
// status changed, and as often as the answer says, for at most wait. A script
// that starts an instance and asks for its code in the next line gets it.
func (s *Service) await(ctx context.Context, id supervisor.ID, wait time.Duration, try func() error) error {
	changes := s.supervisor.Subscribe(id)
	defer changes.Close()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		err := try()
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Starting && f.Code != codeSoon {
			return err
		}
		again := time.NewTimer(max(f.RetryAfter, time.Second))
		select {
		case <-changes.C():
		case <-again.C:
		case <-deadline.C:
			again.Stop()
			return err
		case <-ctx.Done():
			again.Stop()
			return err
		}
		again.Stop()
	}
}
