package phone

import (
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// distribution is the message that hands a group's sender key to one device.
func distribution(group types.JID, key []byte) *waE2E.SenderKeyDistributionMessage {
	return &waE2E.SenderKeyDistributionMessage{
		GroupID: proto.String(group.String()), AxolotlSenderKeyDistributionMessage: key,
	}
}

// sendGroup encrypts once with the sender key, and hands the key to the devices that do not
// have it yet. A member that left makes the phone start a new key. The caller holds p.outMu.
func (p *Phone) sendGroup(ctx context.Context, group types.JID, id types.MessageID, message *waE2E.Message) error {
	members, lidMode, err := p.net.Members(group)
	if err != nil {
		return fmt.Errorf("list members of %s: %w", group, err)
	}
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("marshal message: %w", err)
	}
	devices := p.recipients(members...)
	p.mu.Lock()
	need := p.withoutKey(group, devices)
	p.mu.Unlock()
	fresh := p.missingBundles(need)

	p.mu.Lock()
	nodes, ciphertext, err := p.sealGroup(ctx, group, need, fresh, plaintext)
	if err == nil {
		p.recent.add(id, &sentMessage{to: group, message: message, at: p.now()})
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}

	mode := types.AddressingModePN
	if lidMode {
		mode = types.AddressingModeLID
	}
	attrs := waBinary.Attrs{"id": id, "type": stanzaType(message), "to": group, "addressing_mode": string(mode)}
	if edit := editAttribute(inner(message)); edit != "" {
		attrs["edit"] = edit
	}
	enc := waBinary.Attrs{"v": "2", "type": encGroup}
	if media := mediaType(message); media != "" {
		enc["mediatype"] = media
	}
	var children []waBinary.Node
	if len(nodes) > 0 {
		children = append(children, waBinary.Node{Tag: "participants", Content: nodes})
	}
	children = append(children, waBinary.Node{Tag: "enc", Attrs: enc, Content: ciphertext})
	p.net.Send(p.lid, waBinary.Node{Tag: "message", Attrs: attrs, Content: children})
	return nil
}

// withoutKey returns the devices that lack this phone's sender key. When a device that has it
// is no longer among them, the key is thrown away first. The caller holds p.mu.
func (p *Phone) withoutKey(group types.JID, devices []types.JID) []types.JID {
	holders := p.holders[group]
	present := make(map[types.JID]struct{}, len(devices))
	for _, device := range devices {
		present[device] = struct{}{}
	}
	for holder := range holders {
		if _, ok := present[holder]; !ok {
			delete(p.holders, group)
			delete(p.store.senderKeys, senderKeyID(senderKeyName(group, p.lid)))
			return devices
		}
	}
	var need []types.JID
	for _, device := range devices {
		if _, ok := holders[device]; !ok {
			need = append(need, device)
		}
	}
	return need
}

// sealGroup is the cryptographic part of a group message. The caller holds p.mu.
func (p *Phone) sealGroup(
	ctx context.Context, group types.JID, need []types.JID, fresh bundles, plaintext []byte,
) (nodes []waBinary.Node, ciphertext []byte, err error) {
	key, err := p.senderKey(ctx, group)
	if err != nil {
		return nil, nil, err
	}
	handover, err := proto.Marshal(&waE2E.Message{SenderKeyDistributionMessage: distribution(group, key)})
	if err != nil {
		return nil, nil, fmt.Errorf("marshal sender key: %w", err)
	}
	for _, device := range need {
		node, err := p.encNode(ctx, device, handover, fresh[device], nil)
		if err != nil {
			continue
		}
		nodes = append(nodes, waBinary.Node{Tag: "to", Attrs: waBinary.Attrs{"jid": device}, Content: []waBinary.Node{node}})
		if p.holders == nil {
			p.holders = make(map[types.JID]map[types.JID]struct{})
		}
		if p.holders[group] == nil {
			p.holders[group] = make(map[types.JID]struct{})
		}
		p.holders[group][device] = struct{}{}
	}
	ciphertext, err = p.encryptGroup(ctx, group, pad(plaintext))
	return nodes, ciphertext, err
}
