package inbound

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"whatsapp-manager/worker/message"
)

// only is a message with this field and nothing else. Wrappers have text inside.
func only(row message.Row) *waE2E.Message {
	m := &waE2E.Message{}
	r := m.ProtoReflect()
	field := r.Descriptor().Fields().ByName(row.Field)
	switch {
	case row.Role == message.Wrapper:
		r.Mutable(field).Message().Set(field.Message().Fields().ByName("message"),
			protoreflect.ValueOfMessage((&waE2E.Message{Conversation: proto.String("inside")}).ProtoReflect()))
	case field.Message() != nil:
		r.Mutable(field)
	default:
		r.Set(field, field.Default())
	}
	return m
}

// past is what a history becomes whose one chat has this one entry.
func past(t *testing.T, ids IDs, wm *waWeb.WebMessageInfo) []Message {
	t.Helper()
	c, _ := translate(t, ids, &events.HistorySync{Data: &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{{
		ID: proto.String(team.String()), Messages: []*waHistorySync.HistorySyncMsg{{Message: wm}},
	}}}})
	var all []Message
	if err := c.Op.(*History).Each(func(p Past) error {
		all = append(all, p.Messages...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// What is a message of its own is so for one reason, the role of its field, whether it comes
// live or from the past.
func TestLiveAndPastAgreeWhatIsAMessage(t *testing.T) {
	for _, row := range message.Rows() {
		t.Run(string(row.Field), func(t *testing.T) {
			want := row.Role == message.Shown || row.Role == message.Wrapper
			c, _ := translate(t, keyring{}, arrived(types.MessageSource{Chat: team, Sender: anna, IsGroup: true}, only(row)))
			if _, live := c.Op.(*Message); live != want {
				t.Errorf("live it becomes %T", c.Op)
			}
			entry := &waWeb.WebMessageInfo{
				Key: &waCommon.MessageKey{ID: proto.String("M"), Participant: proto.String(anna.String())}, Message: only(row),
			}
			if got := past(t, keyring{}, entry); (len(got) == 1) != want {
				t.Errorf("from the past it becomes %+v", got)
			}
		})
	}
}

// A phone tells with a message of the past what people did to it, in the old form or in that
// for all kinds.
func TestMarksOfThePast(t *testing.T) {
	theirs := &waCommon.MessageKey{ID: proto.String("X"), Participant: proto.String(lid.String())}
	ours := &waCommon.MessageKey{ID: proto.String("Y"), FromMe: proto.Bool(true)}
	vote := &waE2E.PollVoteMessage{SelectedOptions: [][]byte{{1}}}
	going := &waE2E.EventResponseMessage{Response: waE2E.EventResponseMessage_GOING.Enum(), TimestampMS: proto.Int64(6), ExtraGuestCount: proto.Int32(2)}
	kept := func(kind waE2E.KeepType) *waWeb.KeepInChat {
		return &waWeb.KeepInChat{KeepType: kind.Enum(), Key: theirs, ClientTimestampMS: proto.Int64(7)}
	}
	people := book{pairs: map[string]string{"911": "4911"}}
	for name, row := range map[string]struct {
		entry *waWeb.WebMessageInfo
		is    func(m Message) bool
	}{
		"vote": {&waWeb.WebMessageInfo{PollUpdates: []*waWeb.PollUpdate{{PollUpdateMessageKey: theirs, Vote: vote, SenderTimestampMS: proto.Int64(5)}}}, func(m Message) bool {
			return len(m.Votes) == 1 && m.Votes[0].Voter == "4911@c.us" && len(m.Votes[0].Hashes) == 1 && m.Votes[0].AtMs == 5
		}},
		"own vote, younger form": {&waWeb.WebMessageInfo{MessageAddOns: []*waWeb.MessageAddOn{{
			MessageAddOnType: waWeb.MessageAddOn_POLL_UPDATE.Enum(), MessageAddOnKey: ours, SenderTimestampMS: proto.Int64(5), LegacyMessage: &waWeb.LegacyMessage{PollVote: vote},
		}}}, func(m Message) bool {
			return len(m.Votes) == 1 && m.Votes[0].Voter == "4900@c.us" && m.Votes[0].FromMe && m.Votes[0].ID == "Y"
		}},
		"answer": {&waWeb.WebMessageInfo{EventResponses: []*waWeb.EventResponse{{EventResponseMessageKey: theirs, EventResponseMessage: going}}}, func(m Message) bool {
			return len(m.Answers) == 1 && m.Answers[0].Sender == "4911@c.us" && m.Answers[0].Response == "going" && m.Answers[0].ExtraGuests == 2 && m.Answers[0].AtMs == 6
		}},
		"answer, younger form": {&waWeb.WebMessageInfo{MessageAddOns: []*waWeb.MessageAddOn{{
			MessageAddOnType: waWeb.MessageAddOn_EVENT_RESPONSE.Enum(), MessageAddOnKey: theirs, LegacyMessage: &waWeb.LegacyMessage{EventResponseMessage: going},
		}}}, func(m Message) bool { return len(m.Answers) == 1 && m.Answers[0].Response == "going" }},
		"reaction, younger form": {&waWeb.WebMessageInfo{MessageAddOns: []*waWeb.MessageAddOn{{
			MessageAddOnType: waWeb.MessageAddOn_REACTION.Enum(), MessageAddOnKey: theirs, SenderTimestampMS: proto.Int64(5),
			MessageAddOn: &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("+")}},
		}}}, func(m Message) bool {
			return len(m.Reactions) == 1 && m.Reactions[0].Text == "+" && m.Reactions[0].Sender == "4911@c.us"
		}},
		"kept": {&waWeb.WebMessageInfo{KeepInChat: kept(waE2E.KeepType_KEEP_FOR_ALL)}, func(m Message) bool {
			return m.Keep != nil && m.Keep.On && m.Keep.By == "4911@c.us" && m.Keep.AtMs == 7 && m.Keep.Target == "M" && m.Keep.ID == "X"
		}},
		"kept no longer": {&waWeb.WebMessageInfo{KeepInChat: kept(waE2E.KeepType_UNDO_KEEP_FOR_ALL)}, func(m Message) bool {
			return m.Keep != nil && !m.Keep.On
		}},
		"nothing": {&waWeb.WebMessageInfo{
			KeepInChat: kept(waE2E.KeepType_UNKNOWN_KEEP_TYPE), PollUpdates: []*waWeb.PollUpdate{{}}, EventResponses: []*waWeb.EventResponse{{}},
			MessageAddOns: []*waWeb.MessageAddOn{{}, {MessageAddOnType: waWeb.MessageAddOn_POLL_UPDATE.Enum()}},
		}, func(m Message) bool {
			return m.Keep == nil && len(m.Votes) == 0 && len(m.Answers) == 0 && len(m.Reactions) == 0
		}},
	} {
		t.Run(name, func(t *testing.T) {
			row.entry.Key = &waCommon.MessageKey{ID: proto.String("M"), Participant: proto.String(anna.String())}
			row.entry.Message = &waE2E.Message{Conversation: proto.String("hello")}
			if got := past(t, keyring{book: people}, row.entry); len(got) != 1 || !row.is(got[0]) {
				t.Errorf("became %+v", got)
			}
		})
	}
}

func TestAKeepFromAnotherDevice(t *testing.T) {
	keep := &waE2E.Message{KeepInChatMessage: &waE2E.KeepInChatMessage{
		Key: &waCommon.MessageKey{ID: proto.String("T")}, KeepType: waE2E.KeepType_KEEP_FOR_ALL.Enum(), TimestampMS: proto.Int64(9),
	}}
	c, ok := translate(t, keyring{}, arrived(types.MessageSource{Chat: team, Sender: us.JID, IsFromMe: true, IsGroup: true}, keep))
	if k, is := c.Op.(*Keep); !ok || !is || !k.On || !k.FromMe || k.Target != "T" || k.AtMs != 9 || k.By != "4900@c.us" {
		t.Errorf("became %+v", c.Op)
	}
}

// A history may have a keep as a message of its own, too.
func TestAKeepAsAMessageOfThePast(t *testing.T) {
	entry := func(kind waE2E.KeepType, atMs int64) *waWeb.WebMessageInfo {
		return &waWeb.WebMessageInfo{
			Key:              &waCommon.MessageKey{RemoteJID: proto.String("4911@s.whatsapp.net"), ID: proto.String("K")},
			MessageTimestamp: proto.Uint64(5),
			Message: &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
				KeepInChatMessage: &waE2E.KeepInChatMessage{
					Key: &waCommon.MessageKey{ID: proto.String("T"), FromMe: proto.Bool(true)}, KeepType: kind.Enum(), TimestampMS: proto.Int64(atMs),
				},
			}}},
		}
	}
	for name, row := range map[string]struct {
		entry *waWeb.WebMessageInfo
		want  []Keep
	}{
		"kept":              {entry(waE2E.KeepType_KEEP_FOR_ALL, 7), []Keep{{Chat: "4911@c.us", Target: "T", ID: "K", By: "4911@c.us", On: true, AtMs: 7}}},
		"kept no longer":    {entry(waE2E.KeepType_UNDO_KEEP_FOR_ALL, 0), []Keep{{Chat: "4911@c.us", Target: "T", ID: "K", By: "4911@c.us", AtMs: 5000}}},
		"nobody knows what": {entry(waE2E.KeepType_UNKNOWN_KEEP_TYPE, 7), nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := translate(t, keyring{}, &events.HistorySync{Data: &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{{
				ID: proto.String("4911@s.whatsapp.net"), Messages: []*waHistorySync.HistorySyncMsg{{Message: row.entry}},
			}}}})
			var got Past
			if err := c.Op.(*History).Each(func(p Past) error { got = p; return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Keeps, row.want) || len(got.Messages) != 0 {
				t.Errorf("keeps %+v and %d messages", got.Keeps, len(got.Messages))
			}
		})
	}
}
