package phone

import (
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// bootstrapCompanion sends a new companion what it needs: first the app-state key, because it
// fetches the collections with it, then the history and the push names. A companion whose
// keys cannot be fetched gets nothing; it asks again by itself when it needs a key.
func (p *Phone) bootstrapCompanion(ctx context.Context, device types.JID) {
	device, ok := p.lidOf(device, types.EmptyJID)
	if !ok {
		return
	}
	// The device number may have belonged to another companion before.
	p.mu.Lock()
	delete(p.store.sessions, device.SignalAddress().String())
	p.mu.Unlock()
	if _, err := p.sendPeer(ctx, device, p.keyShare(nil)); err != nil {
		return
	}
	p.sendHistory(ctx, device)
}

// sendPeer sends a message of the phone to one companion of its account.
func (p *Phone) sendPeer(
	ctx context.Context, device types.JID, message *waE2E.ProtocolMessage,
) (types.MessageID, error) {
	wrapped := &waE2E.Message{ProtocolMessage: message}
	plaintext, err := proto.Marshal(wrapped)
	if err != nil {
		return "", fmt.Errorf("marshal peer message: %w", err)
	}
	p.outMu.Lock()
	defer p.outMu.Unlock()
	fresh := p.missingBundles([]types.JID{device})
	id := newID()
	p.mu.Lock()
	enc, err := p.encNode(ctx, device, plaintext, fresh[device], nil)
	if err == nil {
		p.recent.add(id, &sentMessage{to: device, message: wrapped, peer: true, at: p.now()})
	}
	p.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("send peer message: %w", err)
	}
	p.net.Send(p.lid, waBinary.Node{
		Tag:     "message",
		Attrs:   waBinary.Attrs{"id": id, "type": "text", "category": "peer", "to": device},
		Content: []waBinary.Node{enc},
	})
	return id, nil
}

// keyShare hands over the app-state key. It answers the requested ids that it knows,
// or all when none is requested.
func (p *Phone) keyShare(ids []*waE2E.AppStateSyncKeyId) *waE2E.ProtocolMessage {
	devices := p.net.Devices(p.lid)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.ownState()
	wanted := len(ids) == 0
	for _, id := range ids {
		wanted = wanted || string(id.GetKeyID()) == string(s.keyID)
	}
	share := &waE2E.AppStateSyncKeyShare{}
	if wanted {
		fingerprint := &waE2E.AppStateSyncKeyFingerprint{
			RawID: proto.Uint32(p.ownKeys().rawID), CurrentIndex: proto.Uint32(p.keys.maxKeyIndex),
		}
		for _, device := range devices {
			fingerprint.DeviceIndexes = append(fingerprint.DeviceIndexes, uint32(device.Device))
		}
		share.Keys = []*waE2E.AppStateSyncKey{{
			KeyID: &waE2E.AppStateSyncKeyId{KeyID: s.keyID},
			KeyData: &waE2E.AppStateSyncKeyData{
				KeyData: s.keyData, Fingerprint: fingerprint, Timestamp: proto.Int64(s.keyTime.UnixMilli()),
			},
		}}
	}
	return &waE2E.ProtocolMessage{
		Type:                 waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		AppStateSyncKeyShare: share,
	}
}
