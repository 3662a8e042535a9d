package phone

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Errors of sending.
var (
	ErrUnknownUser = errors.New("no such user")
	ErrNoRecipient = errors.New("message could be encrypted for no device")
)

// SendText sends a text to a user (PN or LID) or a group and returns its id once the stanza
// was handed to the Network.
func (p *Phone) SendText(ctx context.Context, to types.JID, text string, opts ...Option) (types.MessageID, error) {
	o := collect(opts)
	return o.id, p.send(ctx, to, o.id, o.textMessage(text))
}

// PrepareText encrypts a text to a user and returns a function that hands it to the Network, so
// that the encryption is done beforehand. Texts for one user must be handed over in the order
// of their preparation, and nothing else may be sent to that user meanwhile, because the
// ratchet has moved on.
func (p *Phone) PrepareText(
	ctx context.Context, to types.JID, text string,
) (id types.MessageID, handOver func(), err error) {
	o := collect(nil)
	p.outMu.Lock()
	defer p.outMu.Unlock()
	node, err := p.direct(ctx, to.ToNonAD(), o.id, o.textMessage(text))
	if err != nil {
		return "", nil, err
	}
	return o.id, func() { p.net.Send(p.lid, node) }, nil
}

// SendMessage sends any message. Reply and Mentions have no effect on it, because it brings its
// own context.
func (p *Phone) SendMessage(
	ctx context.Context, to types.JID, message *waE2E.Message, opts ...Option,
) (types.MessageID, error) {
	o := collect(opts)
	return o.id, p.send(ctx, to, o.id, message)
}

// React sends a reaction to a message of author in chat; an empty emoji takes it back.
// The author of an own message is this account.
func (p *Phone) React(
	ctx context.Context, chat, author types.JID, id types.MessageID, emoji string,
) (types.MessageID, error) {
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(chat.ToNonAD().String()),
		FromMe:    proto.Bool(p.isOwn(author)),
		ID:        proto.String(id),
	}
	if isGroup(chat) && !p.isOwn(author) {
		key.Participant = proto.String(author.ToNonAD().String())
	}
	return p.SendMessage(ctx, chat, &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: key, Text: proto.String(emoji), SenderTimestampMS: proto.Int64(p.now().UnixMilli()),
	}})
}

// Edit replaces the text of a message this phone sent.
func (p *Phone) Edit(
	ctx context.Context, chat types.JID, id types.MessageID, text string,
) (types.MessageID, error) {
	return p.SendMessage(ctx, chat, &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{
		Message: &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Key:           p.ownKey(chat, id),
			Type:          waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(),
			EditedMessage: &waE2E.Message{Conversation: proto.String(text)},
			TimestampMS:   proto.Int64(p.now().UnixMilli()),
		}},
	}})
}

// Revoke deletes a message this phone sent, for everyone.
func (p *Phone) Revoke(ctx context.Context, chat types.JID, id types.MessageID) (types.MessageID, error) {
	return p.SendMessage(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Key: p.ownKey(chat, id), Type: waE2E.ProtocolMessage_REVOKE.Enum(),
	}})
}

func (p *Phone) ownKey(chat types.JID, id types.MessageID) *waCommon.MessageKey {
	return &waCommon.MessageKey{
		RemoteJID: proto.String(chat.ToNonAD().String()), FromMe: proto.Bool(true), ID: proto.String(id),
	}
}

func (p *Phone) send(ctx context.Context, to types.JID, id types.MessageID, message *waE2E.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.outMu.Lock()
	defer p.outMu.Unlock()
	if isGroup(to) {
		return p.sendGroup(ctx, to, id, message)
	}
	node, err := p.direct(ctx, to.ToNonAD(), id, message)
	if err == nil {
		p.net.Send(p.lid, node)
	}
	return err
}

// direct encrypts for every device of the peer and every companion of this account.
// The caller holds p.outMu.
func (p *Phone) direct(
	ctx context.Context, to types.JID, id types.MessageID, message *waE2E.Message,
) (waBinary.Node, error) {
	pn, lid, ok := p.net.Resolve(to)
	if !ok {
		return waBinary.Node{}, fmt.Errorf("send to %s: %w", to, ErrUnknownUser)
	}
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("marshal message: %w", err)
	}
	wrapped, err := proto.Marshal(deviceSent(lid, message))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("marshal copy for own devices: %w", err)
	}
	devices := p.recipients(lid, p.lid)
	fresh := p.missingBundles(devices)

	p.mu.Lock()
	var nodes []waBinary.Node
	for _, device := range devices {
		body := plaintext
		if device.User == p.lid.User {
			body = wrapped
		}
		// A device without usable keys is left out, as the real clients do.
		if node, err := p.encNode(ctx, device, body, fresh[device], message); err == nil {
			nodes = append(nodes, waBinary.Node{Tag: "to", Attrs: waBinary.Attrs{"jid": device}, Content: []waBinary.Node{node}})
		}
	}
	p.recent.add(id, &sentMessage{to: lid, message: message, at: p.now()})
	p.mu.Unlock()

	if len(nodes) == 0 {
		return waBinary.Node{}, fmt.Errorf("send to %s: %w", to, ErrNoRecipient)
	}
	attrs := waBinary.Attrs{"id": id, "type": stanzaType(message), "to": lid, "peer_recipient_pn": pn}
	if edit := editAttribute(inner(message)); edit != "" {
		attrs["edit"] = edit
	}
	return waBinary.Node{Tag: "message", Attrs: attrs, Content: []waBinary.Node{
		{Tag: "participants", Content: nodes},
	}}, nil
}

// deviceSent wraps a message for the sender's own devices.
func deviceSent(to types.JID, message *waE2E.Message) *waE2E.Message {
	return &waE2E.Message{
		DeviceSentMessage: &waE2E.DeviceSentMessage{
			DestinationJID: proto.String(to.String()), Message: message,
		},
		MessageContextInfo: message.GetMessageContextInfo(),
	}
}

// inner takes an edit out of its wrapping.
func inner(message *waE2E.Message) *waE2E.Message {
	if edited := message.GetEditedMessage().GetMessage(); edited != nil {
		return edited
	}
	return message
}

// recipients lists the devices of some users, each once, without this phone.
func (p *Phone) recipients(users ...types.JID) []types.JID {
	var out []types.JID
	seen := make(map[types.JID]struct{})
	for _, user := range users {
		for _, device := range p.net.Devices(user) {
			if device.User == p.lid.User && device.Device == 0 {
				continue
			}
			if _, again := seen[device]; !again {
				seen[device] = struct{}{}
				out = append(out, device)
			}
		}
	}
	return out
}

type bundles map[types.JID]*prekey.Bundle

// missingBundles fetches keys for the devices without a session. It must not run under p.mu.
func (p *Phone) missingBundles(devices []types.JID) bundles {
	var missing []types.JID
	p.mu.Lock()
	for _, device := range devices {
		if !p.hasSession(device) {
			missing = append(missing, device)
		}
	}
	p.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	fetched := make(bundles, len(missing))
	for _, device := range missing {
		if bundle, err := p.net.Bundle(device); err == nil {
			fetched[device] = bundle
		}
	}
	return fetched
}

// encNode encrypts a plaintext for one device. The caller holds p.mu.
func (p *Phone) encNode(
	ctx context.Context, device types.JID, plaintext []byte, fresh *prekey.Bundle, message *waE2E.Message,
) (waBinary.Node, error) {
	encType, ciphertext, err := p.encrypt(ctx, device, pad(plaintext), fresh)
	if err != nil {
		return waBinary.Node{}, err
	}
	attrs := waBinary.Attrs{"v": "2", "type": encType}
	if message != nil {
		if media := mediaType(message); media != "" {
			attrs["mediatype"] = media
		}
		if editAttribute(inner(message)) != "" || message.ReactionMessage != nil {
			attrs["decrypt-fail"] = "hide"
		}
	}
	return waBinary.Node{Tag: "enc", Attrs: attrs, Content: ciphertext}, nil
}
