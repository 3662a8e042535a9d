package wasim

import (
	"context"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// linkRequest is a client's wish to be paired by code.
type linkRequest struct {
	number    string
	ref       []byte
	ephemeral []byte // wrapped under the code
}

// handleUnpaired answers the iqs of a client without an account.
func (c *session) handleUnpaired(iq *waBinary.Node) {
	from := origin{session: c}
	stage := iq.GetChildByTag("link_code_companion_reg")
	switch kind, _ := stage.Attrs["stage"].(string); kind {
	case "companion_hello":
		c.linkHello(from, iq, stage)
	case "companion_finish":
		from.reply(result(iq))
		select {
		case c.finish <- &stage:
		default:
		}
	default:
		from.reply(result(iq))
	}
}

func (c *session) linkHello(from origin, iq *waBinary.Node, hello waBinary.Node) {
	jid, _ := hello.Attrs["jid"].(types.JID)
	wrapped := hello.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub")
	ephemeral, _ := wrapped.Content.([]byte)
	if c.server.account(jid) == nil || len(ephemeral) != 80 {
		from.reply(failure(iq, &iqError{400, "bad-request"}))
		return
	}
	link := &linkRequest{number: jid.User, ref: []byte(randomToken(16)), ephemeral: ephemeral}
	c.mu.Lock()
	c.link = link
	c.mu.Unlock()
	c.server.mu.Lock()
	c.server.links[link.number] = c
	c.server.mu.Unlock()
	from.reply(result(iq, waBinary.Node{
		Tag:     "link_code_companion_reg",
		Attrs:   waBinary.Attrs{"stage": "companion_hello"},
		Content: []waBinary.Node{{Tag: "link_code_pairing_ref", Content: link.ref}},
	}))
}

// EnterCode types the code that a companion shows (the dash is optional) on the
// account's phone and returns once the companion is paired and active, like
// ScanQR. A wrong code gives phone.ErrLinkCode and may be followed by another
// try; without a client that asked for this number it is ErrNoRequest.
func (a *Account) EnterCode(ctx context.Context, code string) error {
	a.server.mu.RLock()
	client := a.server.links[a.pn.User]
	a.server.mu.RUnlock()
	if client == nil {
		return fmt.Errorf("enter code: %w", ErrNoRequest)
	}
	client.mu.Lock()
	link := *client.link
	client.mu.Unlock()
	hello, err := a.phone.StartLink(link.ephemeral, code)
	if err != nil {
		return fmt.Errorf("enter code: %w", err)
	}
	select {
	case <-client.finish: // left over from an attempt nobody waited for
	default:
	}
	client.conn.Send(waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "link_code_companion_reg",
			"id": a.server.nextID(), "t": time.Now().Unix(),
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
		return fmt.Errorf("enter code: %w", err)
	}
	bundleNode, identityNode := finish.GetChildByTag("link_code_pairing_wrapped_key_bundle"), finish.GetChildByTag("companion_identity_public")
	bundle, _ := bundleNode.Content.([]byte)
	identity, _ := identityNode.Content.([]byte)
	secret, err := a.phone.FinishLink(bundle, identity)
	if err != nil {
		return fmt.Errorf("enter code: %w", err)
	}
	return client.pair(ctx, a, secret)
}
