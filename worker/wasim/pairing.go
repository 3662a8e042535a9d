package wasim

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Errors of pairing. A wrong code is phone.ErrLinkCode, a bad QR text phone.ErrQR.
var (
	ErrRef       = errors.New("no client is waiting under this QR code")
	ErrNoRequest = errors.New("no client asked to be paired by code with this number")
	ErrRejected  = errors.New("client rejected the pairing")
	ErrGone      = errors.New("client disconnected")
)

// refCount is how many QR codes a client gets to show; it hangs up after the last.
const refCount = 6

// offerPairing sends an unpaired client its QR references.
func (c *session) offerPairing() {
	refs := make([]waBinary.Node, refCount)
	for i := range refs {
		ref := "2@" + randomToken(24)
		c.refs = append(c.refs, ref)
		refs[i] = waBinary.Node{Tag: "ref", Content: []byte(ref)}
	}
	c.server.mu.Lock()
	for _, ref := range c.refs {
		c.server.refs[ref] = c
	}
	c.server.mu.Unlock()
	c.request(waBinary.Attrs{"type": "set", "xmlns": "md"}, waBinary.Node{Tag: "pair-device", Content: refs})
}

// dropPairing makes the connection unknown to phones: nobody can scan or link it.
func (c *session) dropPairing() {
	s := c.server
	s.mu.Lock()
	for _, ref := range c.refs {
		delete(s.refs, ref)
	}
	for number, waiting := range s.links {
		if waiting == c {
			delete(s.links, number)
		}
	}
	s.mu.Unlock()
}

// ScanQR scans the text of a QR code with the account's phone and returns once
// the companion has paired, come back after the restart and is active; its
// Device is then the last of Devices. Errors: phone.ErrQR, ErrRef, ErrRejected,
// ErrGone.
func (a *Account) ScanQR(ctx context.Context, text string) error {
	qr, err := a.phone.ScanQR(text)
	if err != nil {
		return err
	}
	a.server.mu.RLock()
	client := a.server.refs[qr.Ref]
	a.server.mu.RUnlock()
	if client == nil {
		return fmt.Errorf("scan QR: %w", ErrRef)
	}
	if [32]byte(qr.NoisePub) != client.conn.Static {
		return fmt.Errorf("scan QR: noise key differs from the connection's: %w", ErrRejected)
	}
	if string(qr.IdentityPub) != string(client.conn.Payload.GetDevicePairingData().GetEIdent()) {
		return fmt.Errorf("scan QR: identity key differs from the registration's: %w", ErrRejected)
	}
	return client.pair(ctx, a, qr.AdvSecret)
}

// pair gives a client the proof that an account accepts it and waits until the
// new device is active.
func (c *session) pair(ctx context.Context, a *Account, advSecret []byte) error {
	identity := c.conn.Payload.GetDevicePairingData().GetEIdent()
	if err := a.seed(); err != nil {
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
			{Tag: "device", Attrs: waBinary.Attrs{"jid": a.jid(types.DefaultUserServer, number), "lid": a.jid(types.HiddenUserServer, number)}},
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
	device.keys.register(c.conn.Payload.GetDevicePairingData())
	device.props(c.conn.Payload.GetDevicePairingData().GetDeviceProps())
	c.dropPairing()
	a.link(device)
	c.conn.Send(waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}})
	c.closeSoon()
	if err = device.WaitConnected(ctx); err != nil {
		return fmt.Errorf("wait for the paired client to return: %w", err)
	}
	return nil
}

func (c *session) await(ctx context.Context, answer <-chan *waBinary.Node) (*waBinary.Node, error) {
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
