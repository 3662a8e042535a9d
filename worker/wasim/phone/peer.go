package phone

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

type (
	peerRequest  = waE2E.PeerDataOperationRequestMessage
	peerResult   = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult
	resendResult = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse
	fatalResult  = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse
)

// answerPeer does what a companion asks of its phone. Requests the phone cannot serve stay
// unanswered, like those to a phone that is switched off.
func (p *Phone) answerPeer(ctx context.Context, e envelope, message *waE2E.ProtocolMessage) {
	switch {
	case message.GetAppStateSyncKeyRequest() != nil:
		p.sendPeer(ctx, e.device, p.keyShare(message.GetAppStateSyncKeyRequest().GetKeyIDs()))
	case message.GetPeerDataOperationRequestMessage() != nil:
		request := message.GetPeerDataOperationRequestMessage()
		switch request.GetPeerDataOperationRequestType() {
		case waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND:
			p.resendPlaceholders(ctx, e, request)
		case waE2E.PeerDataOperationRequestType_HISTORY_SYNC_ON_DEMAND:
			p.sendOlder(ctx, e, request.GetHistorySyncOnDemandRequest())
		case waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY:
			p.recoverCollection(ctx, e, request.GetSyncdCollectionFatalRecoveryRequest().GetCollectionName())
		}
	}
}

func (p *Phone) respond(
	ctx context.Context, e envelope, kind waE2E.PeerDataOperationRequestType, results ...*peerResult,
) {
	if len(results) == 0 {
		return
	}
	p.sendPeer(ctx, e.device, &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: kind.Enum(),
			StanzaID:                     proto.String(e.id),
			PeerDataOperationResult:      results,
		},
	})
}

// resendPlaceholders hands over messages that the companion could not decrypt, as far as the
// phone has them.
func (p *Phone) resendPlaceholders(ctx context.Context, e envelope, request *peerRequest) {
	chats := p.chats()
	var results []*peerResult
	for _, wanted := range request.GetPlaceholderMessageResendRequest() {
		for _, c := range chats {
			for _, m := range c.Messages {
				if m.ID != wanted.GetMessageKey().GetID() {
					continue
				}
				raw, err := proto.Marshal(p.webMessage(c.Chat, m))
				if err != nil {
					continue
				}
				results = append(results, &peerResult{PlaceholderMessageResendResponse: &resendResult{WebMessageInfoBytes: raw}})
			}
		}
	}
	p.respond(ctx, e, waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND, results...)
}

// sendOlder hands over messages of one chat from before the oldest that the companion has.
func (p *Phone) sendOlder(
	ctx context.Context, e envelope, request *waE2E.PeerDataOperationRequestMessage_HistorySyncOnDemandRequest,
) {
	wanted, err := types.ParseJID(request.GetChatJID())
	if err != nil {
		return
	}
	_, wantedLID, _ := p.net.Resolve(wanted)
	// Clients write seconds into this field in spite of its name.
	oldest := time.Unix(request.GetOldestMsgTimestampMS(), 0)
	if request.GetOldestMsgTimestampMS() > 1e11 {
		oldest = time.UnixMilli(request.GetOldestMsgTimestampMS())
	}
	count := int(request.GetOnDemandMsgCount())
	if count <= 0 {
		count = 50
	}
	var found []*chat
	for _, c := range p.chats() {
		if c.Chat != wanted && (c.lid.IsEmpty() || c.lid != wantedLID) {
			continue
		}
		// Answer under the identity that was asked for.
		older := &chat{Conversation: Conversation{Chat: wanted, Name: c.Name}, pn: c.pn, lid: c.lid}
		known := slices.IndexFunc(c.Messages, func(m HistoryMessage) bool { return m.ID == request.GetOldestMsgID() })
		for i, m := range c.Messages {
			if len(older.Messages) < count && (known >= 0 && i > known || known < 0 && m.Time.Before(oldest)) {
				older.Messages = append(older.Messages, m)
			}
		}
		found = append(found, older)
	}
	notification, err := p.uploadHistory(&waHistorySync.HistorySync{
		SyncType:      waHistorySync.HistorySync_ON_DEMAND.Enum(),
		Conversations: p.conversations(found),
		ChunkOrder:    proto.Uint32(1),
		Progress:      proto.Uint32(100),
	})
	if err != nil {
		return
	}
	notification.PeerDataRequestSessionID = proto.String(e.id)
	p.sendPeer(ctx, e.device, historyMessage(notification))
}

// recoverCollection hands over a whole collection in the clear, for a companion whose copy is
// beyond repair.
func (p *Phone) recoverCollection(ctx context.Context, e envelope, name string) {
	snapshot, err := p.snapshot(name)
	if err != nil {
		return
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(snapshot)
	w.Close()
	p.respond(ctx, e, waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY,
		&peerResult{SyncdSnapshotFatalRecoveryResponse: &fatalResult{
			CollectionSnapshot: out.Bytes(), IsCompressed: proto.Bool(true),
		}})
}

func (p *Phone) snapshot(name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.ownState()
	c, ok := s.collections[name]
	if !ok {
		return nil, fmt.Errorf("no collection %q", name)
	}
	out := &waSyncdSnapshotRecovery.SyncdSnapshotRecovery{
		Version:          &waSyncdSnapshotRecovery.SyncdVersion{Version: proto.Uint64(c.version)},
		CollectionName:   proto.String(name),
		CollectionLthash: c.hash[:],
	}
	for index, e := range c.entries {
		value := &waSyncAction.SyncActionValue{}
		if err := proto.Unmarshal(e.value, value); err != nil {
			return nil, fmt.Errorf("parse app-state value: %w", err)
		}
		out.MutationRecords = append(out.MutationRecords, &waSyncdSnapshotRecovery.SyncdPlainTextRecord{
			Value: &waSyncAction.SyncActionData{Index: []byte(index), Value: value, Version: proto.Int32(e.version)},
			KeyID: s.keyID,
			Mac:   e.valueMAC[:],
		})
	}
	return proto.Marshal(out)
}
