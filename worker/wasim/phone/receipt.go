package phone

import (
	"context"
	"errors"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// answerAttrs addresses a receipt for a stanza back to where it came from.
func (e envelope) answerAttrs() waBinary.Attrs {
	attrs := waBinary.Attrs{"id": e.id, "to": e.from}
	for _, key := range []string{"participant", "recipient"} {
		if jid := attrJID(e.node, key); !jid.IsEmpty() {
			attrs[key] = jid
		}
	}
	return attrs
}

// acknowledge tells the author's devices that the message arrived: "delivered", or "sender"
// for the copy of what an own companion sent.
func (p *Phone) acknowledge(e envelope) {
	attrs := e.answerAttrs()
	if e.own {
		attrs["type"] = string(types.ReceiptTypeSender)
	}
	p.net.Send(p.lid, waBinary.Node{Tag: "receipt", Attrs: attrs})
}

// MarkRead sends a read receipt for messages of one author; in a 1:1 chat the author is not needed.
func (p *Phone) MarkRead(ctx context.Context, chat, author types.JID, ids ...string) error {
	if len(ids) == 0 {
		return errors.New("mark read: no message ids")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	attrs := waBinary.Attrs{
		"id": ids[0], "type": string(types.ReceiptTypeRead), "to": chat.ToNonAD(), "t": unix(p.now()),
	}
	if isGroup(chat) {
		attrs["participant"] = author.ToNonAD()
	}
	node := waBinary.Node{Tag: "receipt", Attrs: attrs}
	if len(ids) > 1 {
		var items []waBinary.Node
		for _, id := range ids[1:] {
			items = append(items, waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"id": id}})
		}
		node.Content = []waBinary.Node{{Tag: "list", Content: items}}
	}
	p.net.Send(p.lid, node)
	return nil
}

func (p *Phone) handleReceipt(ctx context.Context, node waBinary.Node) {
	from := attrJID(node, "from")
	r := Receipt{
		IDs: []types.MessageID{attr(node, "id")}, Chat: from.ToNonAD(), From: from,
		Type: attr(node, "type"), Time: p.attrTime(node),
	}
	if isGroup(from) {
		r.Chat, r.From = from, attrJID(node, "participant")
	} else if recipient := attrJID(node, "recipient"); p.isOwn(from) && !recipient.IsEmpty() {
		r.Chat = recipient.ToNonAD()
	}
	if list, ok := node.GetOptionalChildByTag("list"); ok {
		for _, item := range list.GetChildren() {
			r.IDs = append(r.IDs, attr(item, "id"))
		}
	}
	p.ledger.addReceipt(r)
	switch types.ReceiptType(r.Type) {
	case types.ReceiptTypeRetry:
		p.sendAgain(ctx, node, r)
	case types.ReceiptTypeServerError:
		p.uploadAgain(node, r)
	}
}
