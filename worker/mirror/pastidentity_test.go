package mirror

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

// hiddenPast is a history of a chat under a hidden id, and of a group with a member who
// wrote something and one who did not.
func hiddenPast() *events.HistorySync {
	of := func(chat, by, id string) *waHistorySync.HistorySyncMsg {
		key := &waCommon.MessageKey{RemoteJID: proto.String(chat), ID: proto.String(id)}
		if by != "" {
			key.Participant = proto.String(by)
		}
		return &waHistorySync.HistorySyncMsg{Message: &waWeb.WebMessageInfo{Key: key, Message: text(id), MessageTimestamp: proto.Uint64(1000)}}
	}
	return &events.HistorySync{Data: &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		Conversations: []*waHistorySync.Conversation{
			{ID: proto.String(annaLID), Messages: []*waHistorySync.HistorySyncMsg{of(annaLID, "", "A1")}},
			{
				ID: proto.String(groupID), Messages: []*waHistorySync.HistorySyncMsg{of(groupID, bertLID, "B1")},
				Participant: []*waHistorySync.GroupParticipant{{UserJID: proto.String(bertLID)}, {UserJID: proto.String("933@lid")}},
			},
		},
	}}
}

// pairing is a later part of the history, which tells numbers in one of the ways there are.
func pairing(as string) *events.HistorySync {
	data := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_RECENT.Enum()}
	for _, pair := range [][2]string{{annaLID, "4911@s.whatsapp.net"}, {bertLID, "4922@s.whatsapp.net"}, {"933@lid", "4933@s.whatsapp.net"}} {
		lid, pn := proto.String(pair[0]), proto.String(pair[1])
		switch as {
		case "mapping":
			data.PhoneNumberToLidMappings = append(data.PhoneNumberToLidMappings, &waHistorySync.PhoneNumberToLIDMapping{LidJID: lid, PnJID: pn})
			data.Pushnames = append(data.Pushnames, &waHistorySync.Pushname{ID: lid, Pushname: proto.String("Name")})
		case "chat by number":
			data.Conversations = append(data.Conversations, &waHistorySync.Conversation{ID: pn, LidJID: lid})
		case "chat by hidden id":
			data.Conversations = append(data.Conversations, &waHistorySync.Conversation{ID: lid, PnJID: pn})
		case "contact":
			data.InlineContacts = append(data.InlineContacts, &waHistorySync.InlineContact{PnJID: pn, LidJID: lid, Username: proto.String("")})
		}
	}
	return &events.HistorySync{Data: data}
}

// Whom only a history brought under a hidden id, with a chat or as an author, is told when
// the number is known, whichever way. Silent members of a group are not, and neither is
// anybody whose number the history itself knows.
func TestIdentitiesOfTheHistory(t *testing.T) {
	for _, way := range []string{"pair", "mapping", "chat by number", "chat by hidden id", "contact", "envelope"} {
		t.Run(way, func(t *testing.T) {
			b := newBench(t)
			b.Consult(&directory{bench: b})
			b.expect("", func() { b.event(book{}, hiddenPast()); b.tell() })
			b.expect("contact_identity contact_identity ", func() {
				switch way {
				case "pair": // asked for, or told by a group
					b.pair("911", "4911")
					b.pair("922", "4922")
					b.pair("933", "4933")
				case "envelope":
					for _, a := range []inbound.Alias{{LID: annaLID, ID: annaID}, {LID: bertLID, ID: bertID}} {
						if err := b.Apply(b.ctx, inbound.Change{Aliases: []inbound.Alias{a}}); err != nil {
							t.Fatal(err)
						}
					}
				default:
					b.event(book{}, pairing(way))
				}
				b.tell()
			})
			b.expect("", func() { b.tell() })
			same(t, "chat and author", []string{b.message("A1").From, b.message("B1").Author}, []string{annaID, bertID})
			if ch, err := b.Chat(b.ctx, annaLID); err != nil || ch.ID.Serialized != annaID {
				t.Errorf("chat %s, %v", ch.ID.Serialized, err)
			}
		})
	}
	t.Run("known at once", func(t *testing.T) {
		b := newBench(t)
		b.Consult(&directory{bench: b})
		both := hiddenPast()
		both.Data.PhoneNumberToLidMappings = pairing("mapping").Data.PhoneNumberToLidMappings
		b.expect("", func() { b.event(book{}, both); b.tell() })
		b.expect("", func() { b.event(book{}, pairing("mapping")); b.tell() })
	})
}

// One person has received and read a message once, under whichever ids the receipts came.
func TestReceiptsOfOnePersonCountOnce(t *testing.T) {
	receipt := func(by string, level int, at int64) *inbound.Receipt {
		return &inbound.Receipt{Chat: groupID, By: by, IDs: []string{"S1"}, Level: inbound.Level(level), At: time.Unix(at, 0)}
	}
	delivered, read := int(inbound.LevelDelivered), int(inbound.LevelRead)
	for name, receipts := range map[string][]*inbound.Receipt{
		"hidden id first": {receipt(annaLID, delivered, 11), receipt(annaID, read, 12)},
		"number first":    {receipt(annaID, delivered, 11), receipt(annaLID, read, 12)},
		"both of both": {
			receipt(annaID, delivered, 11), receipt(annaLID, delivered, 13), receipt(annaLID, read, 12), receipt(annaID, read, 14),
		},
	} {
		for _, known := range []string{"before", "between", "after"} {
			t.Run(name+", known "+known, func(t *testing.T) {
				b := newBench(t)
				b.Consult(&directory{bench: b})
				message := sent(groupID, "S1", "hi", 10)
				message.Recipients = 2
				b.apply(message)
				for i, r := range receipts {
					if known == "before" && i == 0 || known == "between" && i == 1 {
						b.pair("911", "4911")
					}
					b.apply(r)
				}
				if known == "after" {
					b.pair("911", "4911")
				}
				info, err := b.Info(b.ctx, "S1")
				if err != nil {
					t.Fatal(err)
				}
				want := []shape.ReceiptEntry{{ID: shape.NewWid(annaID), LID: annaLID, T: 11}}
				same(t, "delivery", info.Delivery, want)
				want[0].T = 12
				same(t, "read", info.Read, want)
				same(t, "remaining", []int{info.DeliveryRemaining, info.ReadRemaining}, []int{1, 1})
				if known == "after" {
					return // what was counted before stays
				}
				if ack := b.message("S1").Ack; ack != int(inbound.LevelServer) {
					t.Errorf("ack %v with one of two", ack)
				}
				b.apply(receipt(bertID, delivered, 20))
				if ack := b.message("S1").Ack; ack != int(inbound.LevelDelivered) {
					t.Errorf("ack %v with both", ack)
				}
			})
		}
	}
}
