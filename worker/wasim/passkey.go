package wasim

import (
	"errors"
	"fmt"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/stanza"
)

// keptCeremonies is how many ceremonies of an account are remembered.
const keptCeremonies = 16

// passkeys is what an account has to do with passkeys. Its zero value demands none.
type passkeys struct {
	demand     *passkey.Demand
	ceremonies []*passkey.Ceremony // the last ones, the oldest first
}

// DemandPasskey makes the account demand a passkey of every companion that is linked
// from now on. It returns the demand with the credential in it, a new one when there
// was none. It fails with passkey.ErrCredential.
func (a *Account) DemandPasskey(demand passkey.Demand) (passkey.Demand, error) {
	complete, err := demand.Complete()
	if err != nil {
		return passkey.Demand{}, fmt.Errorf("demand a passkey: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passkeys.demand = &complete
	return complete, nil
}

// DropPasskey ends DemandPasskey. Ceremonies that have begun go on.
func (a *Account) DropPasskey() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passkeys.demand = nil
}

// Passkey is what the account demands; false when it demands none.
func (a *Account) Passkey() (passkey.Demand, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passkeys.demand == nil {
		return passkey.Demand{}, false
	}
	return *a.passkeys.demand, true
}

// Ceremonies are the account's last sixteen, the oldest first, with those that have
// ended.
func (a *Account) Ceremonies() []*passkey.Ceremony {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.passkeys.ceremonies)
}

// ConfirmCode confirms on the phone the code that a companion shows, with or without
// its dash, whichever ceremony it belongs to. It fails with passkey.ErrNoCode when the
// phone asks for none, and with passkey.ErrWrongCode, after which another may be given.
func (a *Account) ConfirmCode(code string) error {
	result := passkey.ErrNoCode
	for _, ceremony := range a.Ceremonies() {
		err := ceremony.Confirm(code)
		if err == nil {
			return nil
		}
		if errors.Is(err, passkey.ErrWrongCode) {
			result = err
		}
	}
	return fmt.Errorf("confirm code: %w", result)
}

// RejectLinking rejects on the phone every ceremony that is under way. It fails with
// passkey.ErrNoCode when there is none.
func (a *Account) RejectLinking() error {
	return a.endCeremonies("reject linking", passkey.ErrRejected)
}

// ExpireLinking ends every ceremony that is under way as if its time were up. It fails
// with passkey.ErrNoCode when there is none.
func (a *Account) ExpireLinking() error {
	return a.endCeremonies("expire linking", passkey.ErrExpired)
}

func (a *Account) endCeremonies(what string, why error) error {
	ended := 0
	for _, ceremony := range a.Ceremonies() {
		if ceremony.End(why) {
			ended++
		}
	}
	if ended == 0 {
		return fmt.Errorf("%s: %w", what, passkey.ErrNoCode)
	}
	return nil
}

// askPasskey begins a ceremony on the connection, in place of one that is under way.
func (c *connection) askPasskey(a *Account, demand passkey.Demand, advSecret []byte) *passkey.Ceremony {
	// The companion may answer as soon as it is asked.
	c.mu.Lock()
	if c.ceremony != nil {
		c.ceremony.End(passkey.ErrReplaced)
	}
	ceremony := passkey.Begin(demand, advSecret, companion{c})
	c.ceremony = ceremony
	c.mu.Unlock()
	select {
	case <-c.conn.Done(): // nobody else ends it then
		ceremony.End(ErrGone)
	default:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passkeys.ceremonies = append(a.passkeys.ceremonies, ceremony)
	if extra := len(a.passkeys.ceremonies) - keptCeremonies; extra > 0 {
		a.passkeys.ceremonies = slices.Delete(a.passkeys.ceremonies, 0, extra)
	}
	return ceremony
}

// answerPasskey answers a request of a ceremony.
func (c *connection) answerPasskey(iq *waBinary.Node) {
	c.mu.Lock()
	ceremony := c.ceremony
	c.mu.Unlock()
	if ceremony == nil {
		c.conn.Send(stanza.Failure(iq, stanza.ErrNotFound))
		return
	}
	ceremony.Answer(iq)
}

// endCeremony ends what is under way when the client has gone.
func (c *connection) endCeremony() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ceremony != nil {
		c.ceremony.End(ErrGone)
	}
}

// companion is an unpaired connection as a ceremony sees it.
type companion struct {
	connection *connection
}

var _ passkey.Companion = companion{}

// Send implements passkey.Companion.
func (c companion) Send(answer waBinary.Node) { c.connection.conn.Send(answer) }

// Notify implements passkey.Companion.
func (c companion) Notify(kind string, content ...waBinary.Node) {
	c.connection.conn.Send(c.connection.server.router.notification(kind, types.ServerJID, nil, content...))
}

// Refused implements passkey.Companion.
func (c companion) Refused(code int, reason string) {
	c.connection.server.Log.Debug().Int("code", code).Str("reason", reason).Msg("passkey request refused")
}

// Keys implements passkey.Companion.
func (c companion) Keys() (noise, identity []byte) {
	return c.connection.conn.Static[:], c.connection.conn.Payload.GetDevicePairingData().GetEIdent()
}
