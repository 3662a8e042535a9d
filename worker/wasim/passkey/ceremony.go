package passkey

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/stanza"
)

// How a ceremony ends, other than well.
var (
	ErrRejected = errors.New("the linking was rejected on the phone")
	ErrExpired  = errors.New("the linking took too long")
	ErrReplaced = errors.New("the companion was found once more, by another scan or code")
)

// ErrOver is returned when somebody waits for what cannot come any more.
var ErrOver = errors.New("the linking has ended")

// Errors of the phone's part.
var (
	ErrNoCode    = errors.New("no linking waits for a code to be confirmed")
	ErrWrongCode = errors.New("the code is not the one that the phone knows")
)

// Step is what a ceremony waits for.
type Step string

// Steps, in their order.
const (
	StepAssertion Step = "assertion" // the companion's answer of the authenticator
	StepNonce     Step = "nonce"     // the companion's nonce, after which both know the code
	StepConfirm   Step = "confirm"   // the companion's keys, and the phone's consent if need be
	StepDone      Step = "done"      // nothing: both sides agreed
	StepFailed    Step = "failed"    // nothing: see Status.Err
)

// Companion is the client that is being linked, at the other end of its connection.
// Its methods are called under the ceremony's lock and must not block.
type Companion interface {
	// Send sends an answer to a request of the companion.
	Send(answer waBinary.Node)
	// Notify sends a notification of the server of this type.
	Notify(kind string, content ...waBinary.Node)
	// Refused tells why a request was refused, for the log: no key, no assertion.
	Refused(code int, reason string)
	// Keys are those by which the companion connected.
	Keys() (noise, identity []byte)
}

// Status is where a ceremony is.
type Status struct {
	Step Step
	// Code is what the phone shows, XXXX-XXXX; empty before both sides know it.
	Code string
	// Proved tells that the companion proved in time to be the one whose code was scanned or
	// entered.
	Proved bool
	// Confirm tells that the phone waits for somebody to confirm or reject the code.
	Confirm bool
	// Sent tells that the companion has sent its keys and waits for the phone.
	Sent bool
	// Refusal is why the companion's last request was refused; empty when it was not.
	Refusal string
	// Deadline is when the step must be over.
	Deadline time.Time
	// Err is why the ceremony failed.
	Err error
}

func (s Status) over() bool { return s.Step == StepDone || s.Step == StepFailed }

// Ceremony links one companion that was found by a scan or a code. All methods may be
// called at the same time.
type Ceremony struct {
	demand    Demand
	companion Companion
	proofKey  []byte
	begun     time.Time
	challenge string

	mu        sync.Mutex
	status    Status
	changed   chan struct{} // closed with the next change of status
	ref       string
	agreement agreement
	confirmed bool           // by the phone
	held      *waBinary.Node // the companion's last request, while the phone thinks
	secret    []byte         // from that request
}

// Begin asks a companion for a passkey. The demand is a complete one. advSecret is the
// secret of the QR code or of the entered code; the companion replaces it now.
func Begin(demand Demand, advSecret []byte, companion Companion) *Ceremony {
	c := &Ceremony{
		demand: demand, companion: companion, proofKey: proofKey(advSecret), begun: time.Now(),
		challenge: base64.RawURLEncoding.EncodeToString(random(32)), changed: make(chan struct{}),
	}
	c.status = Status{Step: StepAssertion, Deadline: c.begun.Add(demand.Lifetime)}
	c.mu.Lock()
	defer c.mu.Unlock()
	var content []waBinary.Node
	if !demand.OmitOptions {
		content = c.options()
	}
	companion.Notify("passkey_prologue_request", content...)
	return c
}

// options is the element that holds the request for an assertion.
func (c *Ceremony) options() []waBinary.Node {
	raw, err := c.demand.options(c.challenge)
	if err != nil {
		return nil // strings and numbers can be encoded
	}
	return []waBinary.Node{{Tag: "passkey_request_options", Content: raw}}
}

// Status tells where the ceremony is.
func (c *Ceremony) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return c.status
}

// Until returns the first status that fits, at once or after changes. It fails with
// ErrOver when the ceremony ended without one, or with the cause of the end of ctx.
func (c *Ceremony) Until(ctx context.Context, fits func(Status) bool) (Status, error) {
	for {
		c.mu.Lock()
		c.expire()
		status, changed := c.status, c.changed
		c.mu.Unlock()
		if fits(status) {
			return status, nil
		}
		if status.over() {
			return status, ErrOver
		}
		timer := time.NewTimer(time.Until(status.Deadline))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return status, context.Cause(ctx)
		}
		timer.Stop()
	}
}

// Wait returns the ADV secret for the companion's identity once both sides have
// agreed, and otherwise the error of End, ErrExpired, or the cause of the end of ctx,
// which the ceremony survives.
func (c *Ceremony) Wait(ctx context.Context) (advSecret []byte, err error) {
	status, err := c.Until(ctx, Status.over)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secret, status.Err
}

// Confirm lets the phone's owner confirm the code that the companion shows, with or
// without its dash. It fails with ErrNoCode when the phone does not ask, and with
// ErrWrongCode, after which another code may be given.
func (c *Ceremony) Confirm(code string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if !c.status.Confirm {
		return ErrNoCode
	}
	if strings.ToUpper(strings.ReplaceAll(code, "-", "")) != strings.ReplaceAll(c.status.Code, "-", "") {
		return ErrWrongCode
	}
	c.confirmed, c.status.Confirm = true, false
	c.announce()
	c.agree()
	return nil
}

// End ends the ceremony, at any step: with ErrRejected when the phone's owner does not
// want it, with ErrExpired as if its time were up, with ErrReplaced when another one begins on
// the same connection, with any other error when the companion is gone. It reports
// whether there was something to end.
func (c *Ceremony) End(why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.status.over() {
		return false
	}
	c.fail(why)
	return true
}

// expire fails the ceremony when its time is up. The caller holds c.mu.
func (c *Ceremony) expire() {
	if !c.status.over() && !time.Now().Before(c.status.Deadline) {
		c.fail(ErrExpired)
	}
}

// fail ends the ceremony. The caller holds c.mu.
//
// guess: the companion hears of it only by the refusal of a request, the last of which
// may be waiting.
func (c *Ceremony) fail(why error) {
	c.status.Step, c.status.Confirm, c.status.Sent, c.status.Err = StepFailed, false, false, why
	c.secret = nil
	if c.held != nil {
		c.refuse(c.held, c.endedBy(), why)
		c.held = nil
	}
	c.announce()
}

// endedBy is how a request is refused once the ceremony has failed.
func (c *Ceremony) endedBy() *stanza.Error {
	switch {
	case errors.Is(c.status.Err, ErrRejected):
		return stanza.ErrForbidden
	case errors.Is(c.status.Err, ErrExpired):
		return stanza.ErrGone
	}
	return stanza.ErrNotFound
}

// agree ends the ceremony well once the companion has sent its keys and the phone need
// not, or did, confirm the code. The caller holds c.mu.
func (c *Ceremony) agree() {
	if c.held == nil || !c.confirmed {
		return
	}
	c.status.Step, c.status.Sent = StepDone, false
	c.companion.Send(stanza.Result(c.held))
	c.held = nil
	c.announce()
}

// refuse answers a request with an error. The caller holds c.mu.
func (c *Ceremony) refuse(iq *waBinary.Node, refused *stanza.Error, why error) {
	c.status.Refusal = why.Error()
	c.companion.Refused(refused.Code, c.status.Refusal)
	c.companion.Send(stanza.Failure(iq, refused))
}

// announce wakes those who wait for a change of the status. The caller holds c.mu.
func (c *Ceremony) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}
