package wasim

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/stanza"
)

// Errors of pairing. A wrong code is phone.ErrLinkCode, a bad QR text phone.ErrQR.
var (
	ErrRef       = errors.New("no client is waiting under this QR code")
	ErrNoRequest = errors.New("no client asked to be paired by code with this number")
	ErrRejected  = errors.New("client rejected the pairing")
	ErrGone      = errors.New("client disconnected")
)

// refCount is how many QR codes a client gets to show. It hangs up after the last one.
const refCount = 6

// pairings are the unpaired clients that a phone can pair. Its zero value is empty.
type pairings struct {
	mu    sync.RWMutex
	refs  map[string]*connection // by the reference in a QR code
	codes map[string]*connection // by the number for which a client shows a code
}

// offer makes a connection known under the references of its QR codes.
func (p *pairings) offer(c *connection, refs []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refs == nil {
		p.refs = make(map[string]*connection)
	}
	for _, ref := range refs {
		p.refs[ref] = c
	}
}

// offerCode makes a connection known as the one that shows a code for a number.
func (p *pairings) offerCode(c *connection, number string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.codes == nil {
		p.codes = make(map[string]*connection)
	}
	p.codes[number] = c
}

// byRef finds the client that shows a QR code; nil when there is none.
func (p *pairings) byRef(ref string) *connection {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.refs[ref]
}

// byNumber finds the client that shows a code for a number; nil when there is none.
func (p *pairings) byNumber(number string) *connection {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.codes[number]
}

// showingCodes lists the clients that show QR codes.
func (p *pairings) showingCodes() map[string]*connection {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return maps.Clone(p.refs)
}

// drop makes the connection unknown to phones: nobody can scan or link it.
func (p *pairings) drop(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := func(_ string, waiting *connection) bool { return waiting == c }
	maps.DeleteFunc(p.refs, known)
	maps.DeleteFunc(p.codes, known)
}

// offerPairing sends an unpaired client its QR references.
func (c *connection) offerPairing() {
	refs, nodes := make([]string, refCount), make([]waBinary.Node, refCount)
	for i := range refs {
		refs[i] = "2@" + randomToken(24)
		nodes[i] = waBinary.Node{Tag: "ref", Content: []byte(refs[i])}
	}
	c.server.pairings.offer(c, refs)
	c.request(waBinary.Attrs{"type": "set", "xmlns": "md"}, waBinary.Node{Tag: "pair-device", Content: nodes})
}

// returnTimeout is how long a companion that was paired may take to come back.
const returnTimeout = 5 * time.Minute

// Linking is a companion that the account's phone is linking. It goes on by itself
// until the companion is active, gone or refused.
type Linking struct {
	done chan struct{}
	err  error // written before done is closed
}

// Wait returns once the companion has paired, come back after the restart and is
// active; its Device is then the last of Devices. Errors: ErrRejected, ErrGone,
// passkey.ErrRejected, passkey.ErrExpired, passkey.ErrReplaced, or the cause of the end of
// ctx, which the linking survives.
func (l *Linking) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin links a client that a phone found, by a passkey if the account demands one,
// which the client has been asked for when begin returns.
func (c *connection) begin(a *Account, advSecret []byte) (*Linking, error) {
	var ceremony *passkey.Ceremony
	if demand, demanded := a.Passkey(); demanded {
		ceremony = c.askPasskey(a, demand, advSecret)
	}
	l := &Linking{done: make(chan struct{})}
	if !c.server.Background(func(ctx context.Context) {
		defer close(l.done)
		if ceremony != nil {
			if advSecret, l.err = ceremony.Wait(ctx); l.err != nil {
				return
			}
		}
		l.err = c.pair(ctx, a, advSecret)
	}) {
		return nil, ErrGone
	}
	return l, nil
}

// ScanQR is StartQR and Wait.
func (a *Account) ScanQR(ctx context.Context, text string) error {
	l, err := a.StartQR(text)
	if err != nil {
		return err
	}
	return l.Wait(ctx)
}

// StartQR scans the text of a QR code with the account's phone. Errors: phone.ErrQR,
// ErrRef, ErrRejected, ErrGone.
func (a *Account) StartQR(text string) (*Linking, error) {
	qr, err := a.phone.ScanQR(text)
	if err != nil {
		return nil, err
	}
	client := a.server.pairings.byRef(qr.Ref)
	if client == nil {
		return nil, fmt.Errorf("scan QR: %w", ErrRef)
	}
	if [32]byte(qr.NoisePub) != client.conn.Static {
		return nil, fmt.Errorf("scan QR: noise key differs from the connection's: %w", ErrRejected)
	}
	if string(qr.IdentityPub) != string(client.conn.Payload.GetDevicePairingData().GetEIdent()) {
		return nil, fmt.Errorf("scan QR: identity key differs from the registration's: %w", ErrRejected)
	}
	return client.begin(a, qr.AdvSecret)
}

// pair gives a client the proof that an account accepts it and waits until the
// new device is active.
func (c *connection) pair(ctx context.Context, a *Account, advSecret []byte) error {
	identity := c.conn.Payload.GetDevicePairingData().GetEIdent()
	if err := a.seedState(); err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	number, err := a.reserve()
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	// The key index is the device number; the phone's key index list relies on it.
	container, err := a.phone.Sign(advSecret, identity, uint32(number))
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	answer := c.request(waBinary.Attrs{"type": "set", "xmlns": "md", "t": time.Now().Unix()}, waBinary.Node{
		Tag: "pair-success",
		Content: []waBinary.Node{
			{Tag: "device-identity", Content: container},
			{Tag: "device", Attrs: waBinary.Attrs{
				"jid": a.user.JID(types.DefaultUserServer, number), "lid": a.user.JID(types.HiddenUserServer, number),
			}},
			{Tag: "platform", Attrs: waBinary.Attrs{"name": "android"}},
		},
	})
	node, err := c.await(ctx, answer)
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	if kind, _ := node.Attrs["type"].(string); kind == "error" {
		refused := node.GetChildByTag("error")
		code, _ := refused.Attrs["code"].(string)
		text, _ := refused.Attrs["text"].(string)
		return fmt.Errorf("pair: %w: %s %s", ErrRejected, code, text)
	}
	proof := node.GetChildByTag("pair-device-sign", "device-identity")
	signed, _ := proof.Content.([]byte)
	if err = a.phone.VerifyDeviceSignature(identity, signed); err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	device := &Device{account: a, number: number, noise: c.conn.Static, identity: identity, linked: time.Now()}
	device.prekeys.Register(c.conn.Payload.GetDevicePairingData())
	device.props(c.conn.Payload.GetDevicePairingData().GetDeviceProps())
	c.server.pairings.drop(c)
	a.link(device)
	c.conn.Send(waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}})
	c.closeSoon()
	ctx, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	if err = device.WaitConnected(ctx); err != nil {
		return fmt.Errorf("wait for the paired client to return: %w", err)
	}
	return nil
}

func (c *connection) await(ctx context.Context, answer <-chan *waBinary.Node) (*waBinary.Node, error) {
	select {
	case node := <-answer:
		return node, nil
	case <-c.conn.Done():
		return nil, ErrGone
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func randomToken(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// linkRequest is a client's wish to be paired by code.
type linkRequest struct {
	number    string
	ref       []byte
	ephemeral []byte // wrapped under the code
}

// handleUnpaired answers the iqs of a client without an account.
func (c *connection) handleUnpaired(iq *waBinary.Node) {
	from := origin{connection: c}
	if passkey.Concerns(iq) {
		c.answerPasskey(iq)
		return
	}
	stage := iq.GetChildByTag("link_code_companion_reg")
	switch kind, _ := stage.Attrs["stage"].(string); kind {
	case "companion_hello":
		c.linkHello(from, iq, stage)
	case "companion_finish":
		from.reply(stanza.Result(iq))
		select {
		case c.finish <- &stage:
		default:
		}
	default:
		from.reply(stanza.Result(iq))
	}
}

func (c *connection) linkHello(from origin, iq *waBinary.Node, hello waBinary.Node) {
	jid, _ := hello.Attrs["jid"].(types.JID)
	wrapped := hello.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub")
	ephemeral, _ := wrapped.Content.([]byte)
	if c.server.account(jid) == nil || len(ephemeral) != 80 {
		from.reply(stanza.Failure(iq, stanza.ErrBadRequest))
		return
	}
	link := &linkRequest{number: jid.User, ref: []byte(randomToken(16)), ephemeral: ephemeral}
	c.mu.Lock()
	c.link = link
	c.mu.Unlock()
	c.server.pairings.offerCode(c, link.number)
	from.reply(stanza.Result(iq, waBinary.Node{
		Tag:     "link_code_companion_reg",
		Attrs:   waBinary.Attrs{"stage": "companion_hello"},
		Content: []waBinary.Node{{Tag: "link_code_pairing_ref", Content: link.ref}},
	}))
}

// EnterCode is StartCode and Wait.
func (a *Account) EnterCode(ctx context.Context, code string) error {
	l, err := a.StartCode(ctx, code)
	if err != nil {
		return err
	}
	return l.Wait(ctx)
}

// StartCode types the code that a companion shows (the dash is optional) on the
// account's phone, and returns once the companion has answered to it. It fails with
// phone.ErrLinkCode for a wrong code, after which another code may be entered, and with
// ErrNoRequest when no client asked for this number.
func (a *Account) StartCode(ctx context.Context, code string) (*Linking, error) {
	client := a.server.pairings.byNumber(a.Number())
	if client == nil {
		return nil, fmt.Errorf("enter code: %w", ErrNoRequest)
	}
	client.mu.Lock()
	link := *client.link
	client.mu.Unlock()
	hello, err := a.phone.StartLink(link.ephemeral, code)
	if err != nil {
		return nil, fmt.Errorf("enter code: %w", err)
	}
	select {
	case <-client.finish: // left over from a code that nobody waited for
	default:
	}
	client.conn.Send(waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "link_code_companion_reg",
			"id": a.server.router.nextID(), "t": time.Now().Unix(),
		},
		Content: []waBinary.Node{{
			Tag:   "link_code_companion_reg",
			Attrs: waBinary.Attrs{"stage": "primary_hello"},
			Content: []waBinary.Node{
				{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: hello.WrappedEphemeral},
				{Tag: "primary_identity_pub", Content: hello.IdentityPub},
				{Tag: "link_code_pairing_ref", Content: link.ref},
			},
		}},
	})
	finish, err := client.await(ctx, client.finish)
	if err != nil {
		return nil, fmt.Errorf("enter code: %w", err)
	}
	bundleNode := finish.GetChildByTag("link_code_pairing_wrapped_key_bundle")
	identityNode := finish.GetChildByTag("companion_identity_public")
	bundle, _ := bundleNode.Content.([]byte)
	identity, _ := identityNode.Content.([]byte)
	secret, err := a.phone.FinishLink(bundle, identity)
	if err != nil {
		return nil, fmt.Errorf("enter code: %w", err)
	}
	return client.begin(a, secret)
}
