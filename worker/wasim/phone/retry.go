package phone

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/util/optional"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxRetries bounds, for one message and one device, both how often the phone asks for it
// again and how often it sends it again.
const maxRetries = 5

// failure names a message that could not be decrypted.
type failure struct {
	id     types.MessageID
	device types.JID
}

// askAgain sends a retry receipt with this phone's keys, so that the sender opens a new
// session at once. After maxRetries it gives the message up.
func (p *Phone) askAgain(e envelope) {
	p.mu.Lock()
	if p.failures == nil {
		p.failures = make(map[failure]int)
	}
	key := failure{e.id, e.device}
	p.failures[key]++
	count := p.failures[key]
	k := p.ownKeys()
	p.mu.Unlock()
	if count > maxRetries {
		return
	}
	attrs := e.answerAttrs()
	attrs["type"] = string(types.ReceiptTypeRetry)
	if attr(e.node, "category") == "peer" {
		attrs["category"] = "peer"
	}
	p.net.Send(p.lid, waBinary.Node{Tag: "receipt", Attrs: attrs, Content: []waBinary.Node{
		{Tag: "retry", Attrs: waBinary.Attrs{
			"count": strconv.Itoa(count), "id": e.id, "t": unix(p.attrTime(e.node)), "v": "1",
		}},
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, k.registration)},
		{Tag: "keys", Content: []waBinary.Node{
			{Tag: "type", Content: []byte{ecc.DjbType}},
			{Tag: "identity", Content: append([]byte(nil), k.identity.Pub[:]...)},
			{Tag: "skey", Content: []waBinary.Node{
				{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, k.signed.KeyID)[1:]},
				{Tag: "value", Content: append([]byte(nil), k.signed.Pub[:]...)},
				{Tag: "signature", Content: append([]byte(nil), k.signed.Signature[:]...)},
			}},
		}},
	}})
}

// sendAgain answers a retry receipt: a new session, the same message id, for the asking device
// alone, in groups with the sender key inside. A message the phone no longer has stays unanswered.
func (p *Phone) sendAgain(ctx context.Context, node waBinary.Node, r Receipt) {
	retry, ok := node.GetOptionalChildByTag("retry")
	if !ok {
		return
	}
	id := attr(retry, "id")
	if id == "" {
		id = r.IDs[0]
	}
	counterpart := attrJID(node, "sender_lid")
	if isGroup(r.Chat) {
		counterpart = attrJID(node, "participant_lid")
	}
	device, ok := p.lidOf(r.From, counterpart)
	if !ok {
		return
	}
	fresh, err := bundleOf(node, device)
	if err != nil {
		if fresh, err = p.net.Bundle(device); err != nil {
			return
		}
	}

	p.outMu.Lock()
	defer p.outMu.Unlock()
	p.mu.Lock()
	sent := p.recent.byID[id]
	if sent != nil {
		if sent.retries == nil {
			sent.retries = make(map[types.JID]int)
		}
		sent.retries[device]++
	}
	if sent == nil || sent.retries[device] > maxRetries {
		p.mu.Unlock()
		return
	}
	var enc waBinary.Node
	if sent.composed != nil {
		enc, err = p.composeFor(ctx, sent.composed.As, device, sent.composed.Bytes, fresh)
	} else {
		enc, err = p.sealAgain(ctx, sent, device, fresh)
	}
	p.mu.Unlock()
	if err != nil {
		return
	}
	enc.Attrs["count"] = strconv.Itoa(max(attrInt(retry, "count"), 1))
	if sent.composed != nil {
		sent.composed.Deliver(device, []waBinary.Node{enc})
		return
	}
	attrs := waBinary.Attrs{
		"id": id, "to": attrJID(node, "from"), "type": stanzaType(sent.message), "t": unix(p.now()),
	}
	for _, key := range []string{"participant", "recipient"} {
		if jid := attrJID(node, key); !jid.IsEmpty() {
			attrs[key] = jid
		}
	}
	if !isGroup(r.Chat) {
		attrs["device_fanout"] = "false"
	}
	if sent.peer {
		attrs["category"] = "peer"
	}
	p.net.Send(p.lid, waBinary.Node{Tag: "message", Attrs: attrs, Content: []waBinary.Node{enc}})
}

// sealAgain encrypts a sent message for one device over a new session. The caller holds p.mu.
func (p *Phone) sealAgain(
	ctx context.Context, sent *sentMessage, device types.JID, fresh *prekey.Bundle,
) (waBinary.Node, error) {
	message := sent.message
	switch {
	case isGroup(sent.to):
		key, err := p.senderKey(ctx, sent.to)
		if err != nil {
			return waBinary.Node{}, err
		}
		message = proto.CloneOf(message)
		message.SenderKeyDistributionMessage = distribution(sent.to, key)
	case !sent.peer && device.User == p.lid.User:
		message = deviceSent(sent.to, message)
	}
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("marshal message: %w", err)
	}
	var attributes *waE2E.Message
	if !sent.peer {
		attributes = sent.message
	}
	return p.encNode(ctx, device, plaintext, fresh, attributes)
}

// bundleOf reads the keys that a retry receipt brings.
func bundleOf(receipt waBinary.Node, device types.JID) (*prekey.Bundle, error) {
	registration := content(receipt.GetChildByTag("registration"))
	keys, ok := receipt.GetOptionalChildByTag("keys")
	identityPub := content(keys.GetChildByTag("identity"))
	if !ok || len(registration) != 4 || len(identityPub) != 32 {
		return nil, fmt.Errorf("retry receipt of %s has no keys", device)
	}
	signedID, signedPub, err := keyOf(keys.GetChildByTag("skey"))
	signature := content(keys.GetChildByTag("skey", "signature"))
	if err != nil || len(signature) != 64 {
		return nil, fmt.Errorf("retry receipt of %s has no signed prekey", device)
	}
	oneTimeID, oneTime := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if id, pub, err := keyOf(keys.GetChildByTag("key")); err == nil {
		oneTimeID, oneTime = optional.NewOptionalUint32(id), pub
	}
	return prekey.NewBundle(
		binary.BigEndian.Uint32(registration), uint32(device.Device), oneTimeID, signedID,
		oneTime, signedPub, [64]byte(signature),
		identity.NewKey(ecc.NewDjbECPublicKey([32]byte(identityPub))),
	), nil
}

func keyOf(node waBinary.Node) (uint32, *ecc.DjbECPublicKey, error) {
	id, value := content(node.GetChildByTag("id")), content(node.GetChildByTag("value"))
	if len(id) != 3 || len(value) != 32 {
		return 0, nil, fmt.Errorf("prekey of %d bytes with an id of %d", len(value), len(id))
	}
	return uint32(id[0])<<16 | uint32(id[1])<<8 | uint32(id[2]), ecc.NewDjbECPublicKey([32]byte(value)), nil
}

// recentSize is how many sent messages a phone can send again.
const recentSize = 512

// sentMessage is what a retry receipt may ask for again.
type sentMessage struct {
	to      types.JID // LID of the peer, or the group
	message *waE2E.Message
	peer    bool // a peer message to an own companion
	at      time.Time
	retries map[types.JID]int

	composed *Composed // in place of message
}

// recent remembers the last messages a phone sent, oldest dropped first.
type recent struct {
	byID  map[types.MessageID]*sentMessage
	order []types.MessageID
	next  int
}

func (r *recent) add(id types.MessageID, m *sentMessage) {
	if r.byID == nil {
		r.byID = make(map[types.MessageID]*sentMessage)
	}
	if _, again := r.byID[id]; again {
		r.byID[id] = m
		return
	}
	if len(r.order) < recentSize {
		r.order = append(r.order, id)
	} else {
		delete(r.byID, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % recentSize
	}
	r.byID[id] = m
}
