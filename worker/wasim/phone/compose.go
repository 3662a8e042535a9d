package phone

import (
	"context"
	"fmt"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Composed is a message whose stanza somebody else builds: the phone only seals its
// bytes, and adds nothing to them but the padding.
type Composed struct {
	ID types.MessageID
	// As is the number of the sending device. It need not be linked: the phone plays
	// it, under its own identity key, and answers its retry receipts.
	As uint16
	// Group has the bytes sealed with the sender key of a group or a broadcast, which
	// is handed over anew each time. Empty: they are sealed for each device.
	Group types.JID
	// Bytes is what devices open.
	Bytes []byte
	// To are the LIDs of the devices that get it.
	To []types.JID
	// Deliver takes the enc elements for one device: now, and again for each retry. It
	// must not make the same phone send.
	Deliver func(device types.JID, enc []waBinary.Node)
}

// Compose seals a message for its devices, in the order of what the phone sends. A device whose
// keys cannot be had gets nothing; ErrNoRecipient when that is so for all.
func (p *Phone) Compose(ctx context.Context, c Composed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.outMu.Lock()
	defer p.outMu.Unlock()
	fresh := p.composedBundles(c)
	type ready struct {
		device types.JID
		enc    []waBinary.Node
	}
	var all []ready
	p.mu.Lock()
	shared, handover, err := p.composeGroup(ctx, c)
	for _, device := range c.To {
		plaintext := c.Bytes
		if shared != nil {
			plaintext = handover
		}
		if enc, err := p.composeFor(ctx, c.As, device, plaintext, fresh[device]); err == nil {
			all = append(all, ready{device, append([]waBinary.Node{enc}, shared...)})
		}
	}
	p.recent.add(c.ID, &sentMessage{to: c.Group, composed: &c, at: p.now()})
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("compose: %w", ErrNoRecipient)
	}
	for _, r := range all {
		c.Deliver(r.device, r.enc)
	}
	return nil
}

// composedBundles fetches keys for the devices that the sending device has no session with.
func (p *Phone) composedBundles(c Composed) bundles {
	fetched := make(bundles)
	for _, device := range c.To {
		p.mu.Lock()
		_, known := p.signalAs(c.As).sessions[device.SignalAddress().String()]
		p.mu.Unlock()
		if known {
			continue
		}
		if bundle, err := p.net.Bundle(device); err == nil {
			fetched[device] = bundle
		}
	}
	return fetched
}

// signalAs is the Signal store of a device that the phone plays. The caller holds p.mu.
func (p *Phone) signalAs(number uint16) *signalStore {
	if number == 0 {
		return p.signal()
	}
	if p.played == nil {
		p.played = make(map[uint16]*signalStore)
	}
	if p.played[number] == nil {
		p.played[number] = &signalStore{keys: p.ownKeys()}
	}
	return p.played[number]
}

// composeGroup seals for a group: the element that all get, and what hands the key over.
// Both are nil for a message that is not for a group. The caller holds p.mu.
func (p *Phone) composeGroup(ctx context.Context, c Composed) (shared []waBinary.Node, handover []byte, err error) {
	if c.Group.IsEmpty() {
		return nil, nil, nil
	}
	store, name := p.signalAs(c.As), senderKeyName(c.Group, p.deviceAs(c.As))
	key, err := senderKeyOf(ctx, store, name)
	if err != nil {
		return nil, nil, err
	}
	handover, err = proto.Marshal(&waE2E.Message{SenderKeyDistributionMessage: distribution(c.Group, key)})
	if err != nil {
		return nil, nil, fmt.Errorf("marshal sender key: %w", err)
	}
	ciphertext, err := encryptWithSenderKey(ctx, store, name, pad(c.Bytes))
	if err != nil {
		return nil, nil, err
	}
	return []waBinary.Node{{
		Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": encGroup}, Content: ciphertext,
	}}, handover, nil
}

func (p *Phone) deviceAs(number uint16) types.JID {
	device := p.lid
	device.Device = number
	return device
}

// composeFor seals for one device. The caller holds p.mu.
func (p *Phone) composeFor(
	ctx context.Context, as uint16, device types.JID, plaintext []byte, fresh *prekey.Bundle,
) (waBinary.Node, error) {
	encType, ciphertext, err := encryptFrom(ctx, p.signalAs(as), device, pad(plaintext), fresh)
	if err != nil {
		return waBinary.Node{}, err
	}
	return waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": encType}, Content: ciphertext}, nil
}

// HandOver sends a companion a part of the history that somebody else made, through the
// media host.
func (p *Phone) HandOver(ctx context.Context, device types.JID, history *waHistorySync.HistorySync) error {
	notification, err := p.uploadHistory(history)
	if err != nil {
		return err
	}
	_, err = p.sendPeer(ctx, device, historyMessage(notification))
	return err
}

// Marks is what a stanza says of the message in it, where anybody can read it.
type Marks struct {
	Type, MediaType, Edit string
	Hide                  bool // nobody is to see that it could not be opened
}

// MarksOf are the marks that a phone sets for a message.
func MarksOf(m *waE2E.Message) Marks {
	edit := editAttribute(inner(m))
	return Marks{
		Type: stanzaType(m), MediaType: mediaType(m), Edit: edit, Hide: edit != "" || m.ReactionMessage != nil,
	}
}

// WrapOwn is a message in the form in which a device of an account tells the account's other
// devices what it sent to somebody.
func WrapOwn(to types.JID, m *waE2E.Message) *waE2E.Message { return deviceSent(to, m) }
