package worker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/redact"
)

const (
	opPasskey      = "worker.AnswerPasskey"
	passkeyTimeout = time.Minute // for WhatsApp's answer, longer than the library's own
	maxOptions     = 64 << 10
)

// ceremony is what WhatsApp asks of a passkey. It belongs to the main loop.
type ceremony struct {
	options []byte
	expires time.Time
	asked   time.Time
	code    string
}

// passkeyAsked says that WhatsApp wants an assertion.
type passkeyAsked struct{ request *types.WebAuthnPublicKey }

func (m passkeyAsked) handle(c *core) {
	options, err := optionsOf(m.request)
	if err != nil {
		c.step(link.PasskeyBroken{Problem: link.Problem{Code: "passkey_failed", Detail: err.Error()}})
		return
	}
	wait := time.Duration(m.request.Timeout) * time.Millisecond
	c.step(link.PasskeyRequired{For: wait})
	if c.loop.link.Ceremony() == link.PasskeyAsked {
		now := time.Now()
		c.loop.ceremony = ceremony{options: options, asked: now, expires: now.Add(link.PasskeyWait(wait))}
	}
}

// optionsOf writes WhatsApp's request as a browser takes it, which refuses lists and
// words that are empty.
func optionsOf(request *types.WebAuthnPublicKey) ([]byte, error) {
	options := linking.Options{
		Challenge: base64.RawURLEncoding.EncodeToString(request.Challenge), Timeout: max(request.Timeout, 0),
		RelyingParty: request.RelyingPartID, UserVerification: request.UserVerification, Extensions: request.Extensions,
	}
	if options.Challenge == "" {
		return nil, errors.New("WhatsApp asked for a passkey without a challenge")
	}
	for _, allowed := range request.AllowCredentials {
		options.AllowCredentials = append(options.AllowCredentials, linking.Descriptor{
			ID: base64.RawURLEncoding.EncodeToString(allowed.ID), Type: allowed.Type, Transports: allowed.Transports,
		})
	}
	text, err := json.Marshal(options)
	if err == nil && len(text) > maxOptions {
		err = errors.New("WhatsApp's request for a passkey is too large")
	}
	return text, err
}

// passkeyFailed says that whatsmeow could not go on with a ceremony.
type passkeyFailed struct{ err error }

func (m passkeyFailed) handle(c *core) {
	c.step(link.PasskeyBroken{Problem: link.Problem{Code: "passkey_failed", Detail: redact.Text(m.err.Error())}})
}

// codeCame says that both sides have computed a code.
type codeCame struct {
	code   string
	proved bool // WhatsApp knows that the answer came from the device that was scanned
}

func (m codeCame) handle(c *core) {
	c.loop.ceremony.code = m.code
	c.step(link.CodeCame{Compare: !m.proved || time.Since(c.loop.ceremony.asked) > c.tuning.ProofLife})
}

func ceremonyMessage(evt any) message {
	switch e := evt.(type) {
	case *events.PairPasskeyRequest:
		return passkeyAsked{e.PublicKey}
	case *events.PairPasskeyConfirmation:
		return codeCame{code: e.Code, proved: e.SkipHandoffUX}
	case *events.PairPasskeyError:
		return passkeyFailed{e.Error}
	}
	return nil
}

// assertionCall is one call of AnswerPasskey on its way through the main loop.
type assertionCall struct {
	response *types.WebAuthnResponse
	answer   chan error // capacity 1
}

// assertionSent is what WhatsApp said to an assertion.
type assertionSent struct {
	call   *assertionCall
	client *client.Client
	err    error
}

// AnswerPasskey sends WhatsApp an assertion. It returns when WhatsApp has judged it, and
// that goes on when ctx ends first. Errors are *fault.Error: Conflict, Invalid, Refused,
// Unavailable, Starting.
func (c *core) AnswerPasskey(ctx context.Context, response []byte) error {
	call := &assertionCall{response: &types.WebAuthnResponse{}, answer: make(chan error, 1)}
	if err := json.Unmarshal(response, call.response); err != nil {
		return fault.Bad(opPasskey, "response", "response is not an AuthenticationResponseJSON")
	}
	c.tell(call)
	return awaitAnswer(ctx, opPasskey, call.answer)
}

func awaitAnswer(ctx context.Context, op string, answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "no answer in time; the linking document tells how it goes on")
	}
}

func (call *assertionCall) handle(c *core) {
	cl := c.current.Load()
	switch at := c.loop.link.Ceremony(); {
	case c.loop.link.WAState() == "":
		call.answer <- errStarting(opPasskey)
	case at == link.NoCeremony || cl == nil:
		call.answer <- &fault.Error{
			Kind: fault.Conflict, Op: opPasskey, Code: "no_passkey_asked", Msg: "WhatsApp does not ask for a passkey now",
		}
	case at != link.PasskeyAsked:
		call.answer <- &fault.Error{
			Kind: fault.Conflict, Op: opPasskey, Code: "passkey_answered", Msg: "an answer was given already",
		}
	default:
		c.step(link.PasskeyAnswered{})
		c.tasks.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, passkeyTimeout)
			defer cancel()
			c.tell(assertionSent{call, cl, cl.WA.SendPasskeyResponse(ctx, call.response)})
		})
	}
}

func (m assertionSent) handle(c *core) {
	present := m.client == c.current.Load()
	if m.err == nil {
		if present {
			c.step(link.PasskeyAccepted{})
		}
		m.call.answer <- nil
		return
	}
	problem, again := judgeRefusal(m.err)
	if present {
		c.step(link.PasskeyRefused{Problem: problem, Again: again})
	}
	f := fault.Wrap(fault.Refused, opPasskey, m.err, "%s", problem.Detail)
	f.Code = problem.Code
	m.call.answer <- f
}

// judgeRefusal says what WhatsApp's refusal of an assertion means, and whether another
// one can be tried. The numbers are guesses; an unknown one ends the ceremony, because
// whatsmeow has forgotten half of it by then.
func judgeRefusal(err error) (p link.Problem, again bool) {
	var iq *whatsmeow.IQError
	if !errors.As(err, &iq) {
		return link.Problem{Code: "passkey_failed", Detail: "WhatsApp did not answer"}, false
	}
	switch iq.Code {
	case 400, 401, 406:
		return link.Problem{Code: "passkey_refused", Detail: "WhatsApp does not accept this answer of the passkey"}, true
	case 403:
		return link.Problem{Code: "rejected_on_phone", Detail: "the new device was rejected on the phone"}, false
	case 410:
		return link.Problem{Code: "passkey_expired", Detail: "the answer came too late"}, false
	}
	return link.Problem{Code: "passkey_failed", Detail: "WhatsApp ended the linking with a passkey"}, false
}

// confirmCode sends the phone our keys under the code that both sides know.
func (c *core) confirmCode() {
	cl := c.current.Load()
	if cl == nil {
		return
	}
	c.tasks.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, passkeyTimeout)
		defer cancel()
		if err := cl.WA.SendPasskeyConfirmation(ctx); err != nil {
			c.report(cl, confirmationFailed{err})
		}
	})
}

// confirmationFailed says that WhatsApp or the phone did not take our keys.
type confirmationFailed struct{ err error }

func (m confirmationFailed) handle(c *core) {
	problem, _ := judgeRefusal(m.err)
	if problem.Code == "passkey_refused" || problem.Code == "passkey_failed" {
		problem.Code = "confirmation_failed"
	}
	c.step(link.PasskeyBroken{Problem: problem})
}

// ask has the main loop answer.
func (c *core) ask(ctx context.Context, op string, do func(c *core) error) error {
	answer := make(chan error, 1)
	c.tell(onLoop{func() { answer <- do(c) }})
	return awaitAnswer(ctx, op, answer)
}

// ConfirmPasskey says whether the phone shows the code. Errors are *fault.Error.
func (c *core) ConfirmPasskey(ctx context.Context, matches bool) error {
	const op = "worker.ConfirmPasskey"
	return c.ask(ctx, op, func(c *core) error {
		if c.loop.link.Ceremony() != link.CodeToCompare {
			return &fault.Error{Kind: fault.Conflict, Op: op, Code: "nothing_to_confirm", Msg: "there is no code to confirm now"}
		}
		c.step(link.CodeCompared{Matches: matches})
		return nil
	})
}

// CancelLinking takes codes and ceremonies back. Errors are *fault.Error.
func (c *core) CancelLinking(ctx context.Context) error {
	const op = "worker.CancelLinking"
	return c.ask(ctx, op, func(c *core) error {
		switch {
		case c.loop.link.WAState() == "":
			return errStarting(op)
		case c.loop.link.Paired():
			return &fault.Error{Kind: fault.Conflict, Op: op, Code: "already_paired", Msg: "this instance is paired; log out instead"}
		}
		for _, waiting := range c.loop.waiting {
			waiting.answer <- pairAnswer{err: fault.New(fault.Conflict, op, "the linking was cancelled")}
		}
		c.loop.waiting = nil
		c.step(link.LinkingCancelled{})
		return nil
	})
}
