package phone

import (
	"context"
	"errors"

	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// handle runs on the phone's own goroutine, one stanza at a time, without any lock held.
// Notifications need no action: the phone asks the Network for members and devices each time,
// and hears of app-state patches through ApplyPatch.
func (p *Phone) handle(ctx context.Context, node waBinary.Node) {
	switch node.Tag {
	case "message":
		p.handleMessage(ctx, node)
	case "receipt":
		p.handleReceipt(ctx, node)
	}
}

// envelope is what a message stanza says about the message.
type envelope struct {
	node   waBinary.Node
	id     types.MessageID
	from   types.JID
	chat   types.JID
	device types.JID // LID AD-JID of the sending device
	pn     types.JID // of the sender
	own    bool
}

func (p *Phone) open(node waBinary.Node) (e envelope, ok bool) {
	e = envelope{node: node, id: attr(node, "id"), from: attrJID(node, "from")}
	sender, counterpart := e.from, attrJID(node, "sender_lid")
	if isGroup(e.from) {
		e.chat = e.from
		sender, counterpart = attrJID(node, "participant"), attrJID(node, "participant_lid")
	}
	if e.device, ok = p.lidOf(sender, counterpart); !ok || e.id == "" {
		return e, false
	}
	pn := attrJID(node, "sender_pn")
	if pn.IsEmpty() {
		pn = attrJID(node, "participant_pn")
	}
	if pn.IsEmpty() {
		pn = sender
	}
	e.pn = p.pnOf(e.device, pn)
	e.own = p.isOwn(e.device)
	if !isGroup(e.from) {
		e.chat = e.from.ToNonAD()
		if recipient := attrJID(node, "recipient"); e.own && !recipient.IsEmpty() {
			e.chat = recipient.ToNonAD()
		}
	}
	return e, true
}

func (p *Phone) handleMessage(ctx context.Context, node waBinary.Node) {
	e, ok := p.open(node)
	if !ok {
		return
	}
	peer := attr(node, "category") == "peer"
	for _, enc := range node.GetChildren() {
		if enc.Tag != "enc" {
			continue
		}
		message, err := p.openEnc(ctx, e, enc)
		switch {
		case errors.Is(err, signalerror.ErrOldCounter):
			// The same frame again: it was handled, or its retry is on the way.
			continue
		case err != nil:
			p.askAgain(e)
			return
		}
		p.accept(ctx, e, message, attrInt(enc, "count"), peer)
	}
	p.mu.Lock()
	delete(p.failures, failure{e.id, e.device})
	p.mu.Unlock()
	if !peer {
		p.acknowledge(e)
	}
}

// openEnc decrypts one enc element and takes the sender key out of it, if it brings one.
func (p *Phone) openEnc(ctx context.Context, e envelope, enc waBinary.Node) (*waE2E.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var plaintext []byte
	var err error
	if encType := attr(enc, "type"); encType == encGroup {
		plaintext, err = p.decryptGroup(ctx, e.chat, e.device, content(enc))
	} else {
		plaintext, err = p.decrypt(ctx, e.device, encType, content(enc))
	}
	if err != nil {
		return nil, err
	}
	message := &waE2E.Message{}
	if err := proto.Unmarshal(plaintext, message); err != nil {
		return nil, err
	}
	if key := message.GetSenderKeyDistributionMessage(); key != nil && isGroup(e.chat) {
		if err := p.learnSenderKey(ctx, e.chat, e.device, key.GetAxolotlSenderKeyDistributionMessage()); err != nil {
			return nil, err
		}
	}
	return message, nil
}

// accept keeps a decrypted message in the ledger, or answers it when a companion asks the phone
// for something.
func (p *Phone) accept(ctx context.Context, e envelope, message *waE2E.Message, retry int, peer bool) {
	if e.own && message.GetDeviceSentMessage().GetMessage() != nil {
		message = message.GetDeviceSentMessage().GetMessage()
	}
	if message.SenderKeyDistributionMessage != nil {
		message = proto.CloneOf(message)
		message.SenderKeyDistributionMessage = nil
		bare := proto.CloneOf(message)
		bare.MessageContextInfo = nil
		if proto.Size(bare) == 0 {
			return
		}
	}
	if peer {
		if e.own {
			p.answerPeer(ctx, e, message.GetProtocolMessage())
		}
		return
	}
	r := Received{
		ID: e.id, Chat: e.chat, Sender: e.device, PN: e.pn,
		PushName: attr(e.node, "notify"), Text: textOf(message), Message: message,
		Time: p.attrTime(e.node), Own: e.own, Retry: retry,
	}
	p.ledger.addMessage(r)
	p.autoAnswer(ctx, r)
}

func (p *Phone) autoAnswer(ctx context.Context, r Received) {
	p.mu.Lock()
	reply, read := p.autoReply, p.autoRead
	p.mu.Unlock()
	if r.Own {
		return
	}
	if read {
		defer p.inbox.put(func(ctx context.Context) { p.MarkRead(ctx, r.Chat, r.Sender, r.ID) })
	}
	if reply == nil || r.Text == "" || r.Message.ReactionMessage != nil {
		return
	}
	// The answer follows the delivery receipt, as with a person who reads before writing.
	p.inbox.put(func(ctx context.Context) {
		if text := reply(r); text != "" {
			p.SendText(ctx, r.Chat, text)
		}
	})
}
