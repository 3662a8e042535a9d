package phone

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/media"
)

// sendHistory hands over the conversations through the media host, then the push names inside
// the message itself: the two ways a history may travel.
func (p *Phone) sendHistory(ctx context.Context, device types.JID) {
	chats := p.chats()
	parts := inParts(chats)
	for i, part := range parts {
		history := &waHistorySync.HistorySync{
			SyncType:      waHistorySync.HistorySync_FULL.Enum(),
			Conversations: p.conversations(part),
			ChunkOrder:    proto.Uint32(uint32(i + 1)),
			Progress:      proto.Uint32(uint32(100 * (i + 1) / len(parts))),
		}
		if i == 0 {
			history.SyncType = waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum()
			history.PhoneNumberToLidMappings = p.mappings(chats)
			history.InlineContacts = p.inlineContacts()
		}
		if notification, err := p.uploadHistory(history); err == nil {
			p.sendPeer(ctx, device, historyMessage(notification))
		}
	}
	names := &waHistorySync.HistorySync{
		SyncType:  waHistorySync.HistorySync_PUSH_NAME.Enum(),
		Pushnames: p.pushNames(chats),
	}
	if payload, err := compress(names); err == nil {
		p.sendPeer(ctx, device, historyMessage(&waE2E.HistorySyncNotification{
			SyncType:                          waE2E.HistorySyncType_PUSH_NAME.Enum(),
			ChunkOrder:                        proto.Uint32(1),
			Progress:                          proto.Uint32(100),
			InitialHistBootstrapInlinePayload: payload,
		}))
	}
}

// SendHistoryPart sends one part of a history to a companion, compressed by the
// caller, who may put anything into it: inside the message, or through the media
// host.
func (p *Phone) SendHistoryPart(ctx context.Context, device types.JID, packed []byte, inline bool) error {
	notification := &waE2E.HistorySyncNotification{
		SyncType: waE2E.HistorySyncType_FULL.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100),
		InitialHistBootstrapInlinePayload: packed,
	}
	if !inline {
		blob, err := p.net.Media().Put(media.History, packed)
		if err != nil {
			return fmt.Errorf("upload history: %w", err)
		}
		notification.InitialHistBootstrapInlinePayload = nil
		notification.FileSHA256, notification.FileEncSHA256, notification.MediaKey = blob.SHA256, blob.EncSHA256, blob.Key
		notification.FileLength, notification.DirectPath = proto.Uint64(1000), proto.String(blob.DirectPath)
	}
	_, err := p.sendPeer(ctx, device, historyMessage(notification))
	return err
}

// partMessages is how many messages the phone puts into one part.
//
// guess: real phones decide by size and age; some megabytes a part were seen.
const partMessages = 5000

// inParts splits a long history, between chats where that is possible.
func inParts(chats []*chat) [][]*chat {
	parts, size := [][]*chat{nil}, 0
	for _, c := range chats {
		if size > 0 && size+len(c.Messages) > partMessages {
			parts, size = append(parts, nil), 0
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], c)
		size += len(c.Messages)
	}
	return parts
}

func historyMessage(notification *waE2E.HistorySyncNotification) *waE2E.ProtocolMessage {
	return &waE2E.ProtocolMessage{
		Type:                    waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: notification,
	}
}

func compress(history *waHistorySync.HistorySync) ([]byte, error) {
	raw, err := proto.Marshal(history)
	if err != nil {
		return nil, fmt.Errorf("marshal history: %w", err)
	}
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(raw); err != nil {
		return nil, fmt.Errorf("compress history: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress history: %w", err)
	}
	return out.Bytes(), nil
}

// uploadHistory puts a history on the media host and returns the notification about it.
func (p *Phone) uploadHistory(history *waHistorySync.HistorySync) (*waE2E.HistorySyncNotification, error) {
	payload, err := compress(history)
	if err != nil {
		return nil, err
	}
	blob, err := p.net.Media().Put(media.History, payload)
	if err != nil {
		return nil, fmt.Errorf("upload history: %w", err)
	}
	return &waE2E.HistorySyncNotification{
		SyncType:      waE2E.HistorySyncType(history.GetSyncType()).Enum(),
		FileSHA256:    blob.SHA256,
		FileLength:    proto.Uint64(blob.Length),
		MediaKey:      blob.Key,
		FileEncSHA256: blob.EncSHA256,
		DirectPath:    proto.String(blob.DirectPath),
		ChunkOrder:    proto.Uint32(history.GetChunkOrder()),
		Progress:      proto.Uint32(history.GetProgress()),
	}, nil
}

func (p *Phone) conversations(chats []*chat) []*waHistorySync.Conversation {
	var out []*waHistorySync.Conversation
	for _, c := range chats {
		conversation := &waHistorySync.Conversation{
			ID:                       proto.String(c.Chat.String()),
			UnreadCount:              proto.Uint32(uint32(max(c.Unread, 0))),
			Archived:                 proto.Bool(c.Archived),
			EndOfHistoryTransfer:     proto.Bool(true),
			EndOfHistoryTransferType: waHistorySync.Conversation_COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY.Enum(),
		}
		if c.Name != "" {
			conversation.Name = proto.String(c.Name)
		}
		if c.Username != "" {
			conversation.Username = proto.String(c.Username)
		}
		if c.Pinned {
			conversation.Pinned = proto.Uint32(uint32(p.now().Unix()))
		}
		if !c.MutedUntil.IsZero() {
			conversation.MuteEndTime = proto.Uint64(uint64(c.MutedUntil.Unix()))
		}
		if !c.pn.IsEmpty() && !c.lid.IsEmpty() {
			conversation.PnJID, conversation.LidJID = proto.String(c.pn.String()), proto.String(c.lid.String())
		}
		for i, m := range c.Messages {
			conversation.Messages = append(conversation.Messages, &waHistorySync.HistorySyncMsg{
				Message: p.webMessage(c.Chat, m), MsgOrderID: proto.Uint64(uint64(len(c.Messages) - i)),
			})
		}
		if n := len(c.Messages); n > 0 {
			last := proto.Uint64(uint64(c.Messages[0].Time.Unix()))
			conversation.ConversationTimestamp, conversation.LastMsgTimestamp = last, last
		}
		if isGroup(c.Chat) {
			for _, member := range p.members(c.Chat) {
				conversation.Participant = append(conversation.Participant, &waHistorySync.GroupParticipant{
					UserJID: proto.String(member.String()), Rank: waHistorySync.GroupParticipant_REGULAR.Enum(),
				})
			}
		}
		out = append(out, conversation)
	}
	return out
}

func (p *Phone) members(group types.JID) []types.JID {
	members, _, err := p.net.Members(group)
	if err != nil {
		return nil // the phone has left the group since
	}
	return members
}

// mappings pairs both identities of everybody the companion will meet.
func (p *Phone) mappings(chats []*chat) []*waHistorySync.PhoneNumberToLIDMapping {
	var out []*waHistorySync.PhoneNumberToLIDMapping
	seen := make(map[types.JID]struct{})
	add := func(user types.JID) {
		pn, lid, ok := p.net.Resolve(user)
		if _, again := seen[lid]; !ok || again {
			return
		}
		seen[lid] = struct{}{}
		out = append(out, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID: proto.String(pn.String()), LidJID: proto.String(lid.String()),
		})
	}
	add(p.lid)
	for _, c := range p.contacts() {
		add(c.PN)
	}
	for _, c := range chats {
		if isGroup(c.Chat) {
			for _, member := range p.members(c.Chat) {
				add(member)
			}
		} else {
			add(c.Chat)
		}
	}
	for _, c := range p.history.Claims {
		out = append(out, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID: proto.String(c.PN.String()), LidJID: proto.String(c.LID.String()),
		})
	}
	return out
}

// inlineContacts are the people with a username who are not in the address book.
//
// guess: whom real phones list is not known; the others have theirs in the app state.
func (p *Phone) inlineContacts() []*waHistorySync.InlineContact {
	var out []*waHistorySync.InlineContact
	for _, c := range p.contacts() {
		if c.Username != "" && c.FullName == "" && c.FirstName == "" {
			out = append(out, &waHistorySync.InlineContact{
				PnJID: proto.String(c.PN.String()), LidJID: proto.String(c.LID.String()),
				Username: proto.String(c.Username),
			})
		}
	}
	return out
}

func (p *Phone) pushNames(chats []*chat) []*waHistorySync.Pushname {
	var out []*waHistorySync.Pushname
	seen := make(map[types.JID]struct{})
	add := func(user types.JID, name string) {
		pn := p.pnOf(user, types.EmptyJID)
		if _, again := seen[pn]; name == "" || pn.IsEmpty() || again {
			return
		}
		seen[pn] = struct{}{}
		out = append(out, &waHistorySync.Pushname{ID: proto.String(pn.String()), Pushname: proto.String(name)})
	}
	add(p.pn, p.PushName())
	for _, c := range p.contacts() {
		add(c.PN, c.PushName)
	}
	for _, c := range chats {
		for _, m := range c.Messages {
			switch {
			case m.FromMe:
			case isGroup(c.Chat):
				add(m.Author, m.Name)
			default:
				add(c.Chat, m.Name)
			}
		}
	}
	return out
}

// webMessage is a message in the form in which histories and resends carry it.
func (p *Phone) webMessage(chat types.JID, m HistoryMessage) *waWeb.WebMessageInfo {
	info := &waWeb.WebMessageInfo{
		Key:              p.ownKey(chat, m.ID),
		Message:          m.Message,
		MessageTimestamp: proto.Uint64(uint64(m.Time.Unix())),
	}
	if info.Message == nil {
		info.Message = &waE2E.Message{Conversation: proto.String(m.Text)}
	}
	if m.FromMe {
		info.Status = waWeb.WebMessageInfo_DELIVERY_ACK.Enum()
		return info
	}
	info.Key.FromMe = proto.Bool(false)
	if m.Name != "" {
		info.PushName = proto.String(m.Name)
	}
	if isGroup(chat) {
		author := m.Author.ToNonAD().String()
		info.Key.Participant, info.Participant = proto.String(author), proto.String(author)
	}
	return info
}
