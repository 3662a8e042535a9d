package passkey

import (
	"encoding/base64"
	"errors"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/stanza"
)

// refusal is why a request is refused, for the log, with the code that the companion
// gets.
type refusal struct {
	code   *stanza.Error
	reason error
}

func refused(code *stanza.Error, reason string) *refusal {
	return &refusal{code, errors.New(reason)}
}

// Concerns tells whether a request of an unpaired client is one of a ceremony.
func Concerns(iq *waBinary.Node) bool {
	switch stanza.First(iq).Tag {
	case "ref", "passkey_request_options", "passkey_prologue", "companion_nonce", "encrypted_pairing_request":
		return true
	}
	return false
}

// Answer answers a request that concerns the ceremony. The codes are guesses: 400 for
// what cannot be read, 401 for a wrong assertion, proof, nonce or key, 403 once the phone
// rejected it, 404 once another ceremony replaced it, 409 for a request out of order or
// repeated, 410 for one that is late.
func (c *Ceremony) Answer(iq *waBinary.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	defer c.announce()
	asked := stanza.First(iq)
	var problem *refusal
	var content []waBinary.Node
	switch asked.Tag {
	case "passkey_request_options":
		if problem = c.at(StepAssertion); problem == nil {
			content = c.options()
		}
	case "ref":
		if problem = c.at(StepAssertion); problem == nil {
			c.ref = base64.RawURLEncoding.EncodeToString(random(16))
			content = []waBinary.Node{stanza.Text("ref", c.ref)}
		}
	case "passkey_prologue":
		problem = c.takePrologue(asked)
	case "companion_nonce":
		problem = c.takeNonce(asked)
	case "encrypted_pairing_request":
		problem = c.takeKeys(asked)
	default:
		problem = refused(stanza.ErrBadRequest, "not a request of a ceremony")
	}
	if problem != nil {
		c.refuse(iq, problem.code, problem.reason)
		return
	}
	c.status.Refusal = ""
	if asked.Tag == "encrypted_pairing_request" {
		c.held, c.status.Sent = iq, true
		c.agree()
		return
	}
	c.companion.Send(stanza.Result(iq, content...))
	if asked.Tag == "passkey_prologue" {
		c.companion.Notify("crsc_continuation", waBinary.Node{
			Tag: "primary_ephemeral_identity", Content: c.agreement.primaryIdentity(),
		})
	}
}

// at refuses a request that belongs to another step.
func (c *Ceremony) at(step Step) *refusal {
	switch {
	case c.status.Step == StepFailed:
		return &refusal{c.endedBy(), c.status.Err}
	case c.status.Step != step || c.held != nil:
		return refused(stanza.ErrConflict, "out of order, or used before")
	}
	return nil
}

// takePrologue verifies the assertion and the proof. After a refusal the companion may
// try again, with the same challenge.
func (c *Ceremony) takePrologue(prologue waBinary.Node) *refusal {
	if problem := c.at(StepAssertion); problem != nil {
		return problem
	}
	if c.ref == "" {
		return refused(stanza.ErrConflict, "no ref was asked for")
	}
	payload := bytesOf(prologue, "prologue_payload")
	agreed, problem := newAgreement(payload, c.ref)
	if problem != nil {
		return problem
	}
	proof, proves := prologue.GetOptionalChildByTag("pairing_handoff_proof")
	if raw, _ := proof.Content.([]byte); proves && !provesHandoff(c.proofKey, payload, raw) {
		return refused(stanza.ErrNotAuthorized, "the hand-off proof is wrong")
	}
	err := c.demand.verify(c.challenge, bytesOf(prologue, "credential_id"), bytesOf(prologue, "webauthn_assertion"))
	if err != nil {
		return &refusal{stanza.ErrNotAuthorized, err}
	}
	now := time.Now()
	c.agreement = agreed
	c.status.Proved = proves && now.Sub(c.begun) < c.demand.ProofLifetime
	c.confirmed = c.status.Proved && !c.demand.AlwaysConfirm
	c.status.Step, c.status.Deadline = StepNonce, now.Add(c.demand.Lifetime)
	return nil
}

// takeNonce verifies that the companion had chosen its nonce before it knew ours.
func (c *Ceremony) takeNonce(request waBinary.Node) *refusal {
	if problem := c.at(StepNonce); problem != nil {
		return problem
	}
	nonce, _ := request.Content.([]byte)
	code, problem := c.agreement.reveal(nonce)
	if problem != nil {
		return problem
	}
	c.status.Step, c.status.Code, c.status.Confirm = StepConfirm, code, !c.confirmed
	return nil
}

// takeKeys reads the keys and the new ADV secret, which must come from the client of
// this connection.
func (c *Ceremony) takeKeys(request waBinary.Node) *refusal {
	if problem := c.at(StepConfirm); problem != nil {
		return problem
	}
	sealed, _ := request.Content.([]byte)
	noise, identity := c.companion.Keys()
	secret, problem := c.agreement.open(sealed, noise, identity)
	if problem != nil {
		return problem
	}
	c.secret = secret
	return nil
}

func bytesOf(node waBinary.Node, tag string) []byte {
	child := node.GetChildByTag(tag)
	raw, _ := child.Content.([]byte)
	return raw
}
