package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
)

// handOver puts the message into a part of the history of each receiver. The phones of the
// receivers hand it over, as they do with all history.
func (l *letter) handOver(ctx context.Context, wait time.Duration) (Sent, error) {
	if l.to.Server == types.NewsletterServer {
		return Sent{}, wrong("envelope.asIfHistory", "channels are in no history")
	}
	sent := Sent{ID: l.id, Timestamp: l.at, Devices: []DeviceOutcome{}}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, device := range l.receivers {
		part, err := l.part(device.Account() == l.sender)
		if err != nil {
			return Sent{}, err
		}
		if err = device.Account().Phone().HandOver(ctx, device.LID(), part); err != nil {
			return Sent{}, fmt.Errorf("hand over to %s: %w", device.JID(), err)
		}
		outcome := wasim.Outcome{State: "waiting"}
		if device.Connected() && device.WaitIdle(waiting) == nil {
			outcome.State = "delivered"
		}
		sent.add(device, outcome)
	}
	return sent, nil
}

// part is the history with the one message in it.
func (l *letter) part(fromMe bool) (*waHistorySync.HistorySync, error) {
	kind, known := waHistorySync.HistorySync_HistorySyncType_value[strings.ToUpper(l.envelope.History.Type)]
	if l.envelope.History.Type == "" {
		kind, known = int32(waHistorySync.HistorySync_ON_DEMAND), true
	}
	if !known {
		return nil, wrong("envelope.history.type", "%.40q is no type, such as on_demand", l.envelope.History.Type)
	}
	attrs := l.base()
	chat, _ := attrs["from"].(types.JID)
	conversation := &waHistorySync.Conversation{
		EndOfHistoryTransfer: proto.Bool(true), ConversationTimestamp: proto.Uint64(uint64(l.at)),
	}
	if !l.shared() {
		other := l.sender
		if l.own {
			chat, _ = attrs["recipient"].(types.JID)
			other = l.recipient
		}
		if other != nil {
			conversation.PnJID = proto.String(other.PN().String())
			conversation.LidJID = proto.String(other.LID().String())
		}
	}
	conversation.ID = proto.String(chat.ToNonAD().String())
	web := l.webMessage(chat, fromMe, attrs)
	if raw := l.envelope.History.WebMessage; given(raw) {
		if err := mergeJSON("envelope.history.webMessage", raw, web); err != nil {
			return nil, err
		}
	}
	conversation.Messages = []*waHistorySync.HistorySyncMsg{{Message: web, MsgOrderID: proto.Uint64(1)}}
	if raw := l.envelope.History.Conversation; given(raw) {
		if err := mergeJSON("envelope.history.conversation", raw, conversation); err != nil {
			return nil, err
		}
	}
	return &waHistorySync.HistorySync{
		SyncType:      waHistorySync.HistorySync_HistorySyncType(kind).Enum(),
		Conversations: []*waHistorySync.Conversation{conversation},
		ChunkOrder:    proto.Uint32(1), Progress: proto.Uint32(100),
	}, nil
}

// mergeJSON merges protojson into a message, which must be whole afterwards.
func mergeJSON(field string, raw json.RawMessage, into proto.Message) error {
	extra := into.ProtoReflect().New().Interface()
	if err := decodePart(field, raw, extra); err != nil {
		return err
	}
	proto.Merge(into, extra)
	if err := proto.CheckInitialized(into); err != nil {
		return wrong(field, "%v", err)
	}
	return nil
}

func (l *letter) webMessage(chat types.JID, fromMe bool, attrs waBinary.Attrs) *waWeb.WebMessageInfo {
	web := &waWeb.WebMessageInfo{
		Key: &waCommon.MessageKey{
			RemoteJID: proto.String(chat.ToNonAD().String()), FromMe: proto.Bool(fromMe), ID: proto.String(l.id),
		},
		Message: l.message, MessageTimestamp: proto.Uint64(uint64(l.at)),
	}
	if participant, ok := attrs["participant"].(types.JID); ok {
		author := proto.String(participant.ToNonAD().String())
		web.Key.Participant, web.Participant = author, author
	}
	name := l.sender.Phone().PushName()
	if l.envelope.PushName != nil {
		name = *l.envelope.PushName
	}
	if fromMe {
		web.Status = waWeb.WebMessageInfo_DELIVERY_ACK.Enum()
	} else if name != "" {
		web.PushName = proto.String(name)
	}
	return web
}
