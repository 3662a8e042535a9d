package inbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/shape"
)

var (
	us   = Account{JID: types.JID{User: "4900", Device: 5, Server: types.DefaultUserServer}, LID: types.NewJID("900", types.HiddenUserServer)}
	anna = types.NewJID("4911", types.DefaultUserServer)
	lid  = types.NewJID("911", types.HiddenUserServer)
	team = types.NewJID("12036", types.GroupServer)
)

// book knows the pairs it holds; err stands for a store that is away.
type book struct {
	pairs map[string]string
	err   error
}

func (b book) GetPNForLID(_ context.Context, lid types.JID) (types.JID, error) {
	if b.err != nil {
		return types.JID{}, b.err
	}
	if pn := b.pairs[lid.User]; pn != "" {
		return types.NewJID(pn, types.DefaultUserServer), nil
	}
	return types.JID{}, nil
}

func (b book) GetLIDForPN(_ context.Context, pn types.JID) (types.JID, error) {
	for lid, number := range b.pairs {
		if number == pn.User && b.err == nil {
			return types.NewJID(lid, types.HiddenUserServer), nil
		}
	}
	return types.JID{}, b.err
}

// keyring knows the secret of message T in each chat, whoever wrote it; fails stands for a
// store that is away.
type keyring struct {
	book
	fails error
}

var secret = bytes.Repeat([]byte{7}, 32)

func (k keyring) GetMessageSecret(_ context.Context, _, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	if k.fails != nil || id != "T" {
		return nil, types.EmptyJID, k.fails
	}
	return secret, sender, nil
}

func arrived(source types.MessageSource, m *waE2E.Message) *events.Message {
	return (&events.Message{
		Info:       types.MessageInfo{MessageSource: source, ID: "3AID", Timestamp: time.Unix(1000, 0), PushName: "Anna"},
		RawMessage: m,
	}).UnwrapRaw()
}

func translate(t *testing.T, ids IDs, evt any) (Change, bool) {
	t.Helper()
	c, ok, err := Translate(context.Background(), us, ids, evt)
	if err != nil {
		t.Fatal(err)
	}
	return c, ok
}

func hello() *waE2E.Message { return &waE2E.Message{Conversation: proto.String("hello")} }

func TestChatsAreCanonical(t *testing.T) {
	known := book{pairs: map[string]string{"911": "4911"}}
	cases := map[string]struct {
		source       types.MessageSource
		ids          IDs
		chat, sender string
		aliases      int
	}{
		"phone number":             {types.MessageSource{Chat: anna, Sender: anna}, book{}, "4911@c.us", "4911@c.us", 0},
		"phone number, other told": {types.MessageSource{Chat: anna, Sender: anna, SenderAlt: lid}, book{}, "4911@c.us", "4911@c.us", 1},
		"hidden, other told":       {types.MessageSource{Chat: lid, Sender: lid, SenderAlt: anna}, book{}, "4911@c.us", "4911@c.us", 1},
		"hidden, store knows":      {types.MessageSource{Chat: lid, Sender: lid}, known, "4911@c.us", "4911@c.us", 1},
		"hidden, nobody knows":     {types.MessageSource{Chat: lid, Sender: lid}, book{}, "911@lid", "911@lid", 0},
		"hosted":                   {types.MessageSource{Chat: types.NewJID("4911", types.HostedServer), Sender: types.NewJID("4911", types.HostedServer)}, book{}, "4911@c.us", "4911@c.us", 0},
		"own from the phone":       {types.MessageSource{Chat: lid, Sender: us.LID, IsFromMe: true, RecipientAlt: anna}, book{}, "4911@c.us", "4900@c.us", 1},
		"group":                    {types.MessageSource{Chat: team, Sender: lid, SenderAlt: anna, IsGroup: true}, book{}, "12036@g.us", "4911@c.us", 1},
		"group, own by hidden id":  {types.MessageSource{Chat: team, Sender: us.LID, IsFromMe: true, IsGroup: true}, book{}, "12036@g.us", "4900@c.us", 0},
		"their broadcast list":     {types.MessageSource{Chat: types.NewJID("1", types.BroadcastServer), Sender: anna, IsGroup: true}, book{}, "4911@c.us", "4911@c.us", 0},
		"status":                   {types.MessageSource{Chat: types.StatusBroadcastJID, Sender: anna, IsGroup: true}, book{}, "status@broadcast", "4911@c.us", 0},
		"channel":                  {types.MessageSource{Chat: types.NewJID("7", types.NewsletterServer), Sender: types.NewJID("7", types.NewsletterServer)}, book{}, "7@newsletter", "7@newsletter", 0},
	}
	for situation, c := range cases {
		t.Run(situation, func(t *testing.T) {
			change, ok := translate(t, c.ids, arrived(c.source, hello()))
			m, is := change.Op.(*Message)
			if !ok || !is {
				t.Fatalf("translated to %T, %t", change.Op, ok)
			}
			if m.Chat != c.chat || m.Sender != c.sender || len(change.Aliases) != c.aliases {
				t.Errorf("chat %s, sender %s, aliases %v", m.Chat, m.Sender, change.Aliases)
			}
		})
	}
}

func TestStoreAwayIsAnErrorAndNothingElse(t *testing.T) {
	away := errors.New("connection refused")
	_, _, err := Translate(context.Background(), us, book{err: away}, arrived(types.MessageSource{Chat: lid, Sender: lid}, hello()))
	if !errors.Is(err, away) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	source := types.MessageSource{Chat: anna, Sender: anna}
	for name, m := range map[string]*waE2E.Message{
		"keys":         {SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}},
		"nothing":      {},
		"nil":          nil,
		"key share":    {ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum()}},
		"empty revoke": {ProtocolMessage: &waE2E.ProtocolMessage{}},
		"pin":          {PinInChatMessage: &waE2E.PinInChatMessage{}},
		"sealed vote":  {PollUpdateMessage: &waE2E.PollUpdateMessage{PollCreationMessageKey: &waCommon.MessageKey{ID: proto.String("P")}}},
		"loose react":  {ReactionMessage: &waE2E.ReactionMessage{}},
		"event reply":  {EncEventResponseMessage: &waE2E.EncEventResponseMessage{}},
	} {
		t.Run(name, func(t *testing.T) {
			if c, _ := translate(t, book{}, arrived(source, m)); c.Op != nil {
				t.Errorf("%s became %T", name, c.Op)
			}
		})
	}
	for _, evt := range []any{
		&events.Presence{From: anna}, &events.ChatPresence{}, nil, 7,
		&events.Receipt{Type: types.ReceiptTypeRetry, MessageIDs: []string{"A"}},
		&events.Receipt{Type: types.ReceiptTypeSender, MessageIDs: []string{"A"}},
		&events.Receipt{MessageSource: types.MessageSource{Chat: anna, IsFromMe: true}, MessageIDs: []string{"A"}},
		&events.UndecryptableMessage{DecryptFailMode: events.DecryptFailHide},
		&events.GroupInfo{JID: team}, &events.Picture{JID: anna}, &events.Archive{}, &events.Contact{},
	} {
		if c, ok := translate(t, book{}, evt); ok {
			t.Errorf("%T became %T", evt, c.Op)
		}
	}
}

// A login says that no ban is in force any more.
func TestALoginIsANoticeOfTheNumber(t *testing.T) {
	c, ok := translate(t, book{}, &events.Connected{})
	if notice, is := c.Op.(*NumberNotice); !ok || !is || notice.Notice.Kind != standing.LoggedIn || time.Since(notice.Notice.At) > time.Minute {
		t.Errorf("a login became %+v", c.Op)
	}
}

func TestKeysAreReadFromTheirSendersView(t *testing.T) {
	group := types.MessageSource{Chat: team, Sender: anna, IsGroup: true}
	single := types.MessageSource{Chat: anna, Sender: anna}
	mine := types.MessageSource{Chat: anna, Sender: us.JID, IsFromMe: true}
	key := func(fromMe bool, participant string) *waCommon.MessageKey {
		k := &waCommon.MessageKey{FromMe: proto.Bool(fromMe), ID: proto.String("T")}
		if participant != "" {
			k.Participant = proto.String(participant)
		}
		return k
	}
	for name, c := range map[string]struct {
		source types.MessageSource
		key    *waCommon.MessageKey
		sender string
		fromMe bool
	}{
		"they, to their own":       {single, key(true, ""), "4911@c.us", false},
		"they, to ours":            {single, key(false, ""), "4900@c.us", true},
		"we, to our own":           {mine, key(true, ""), "4900@c.us", true},
		"we, to theirs":            {mine, key(false, ""), "4911@c.us", false},
		"in a group, to a third":   {group, key(false, "4922@s.whatsapp.net"), "4922@c.us", false},
		"in a group, to ours":      {group, key(false, "900:3@lid"), "4900@c.us", true},
		"in a group, to their own": {group, key(true, ""), "4911@c.us", false},
	} {
		t.Run(name, func(t *testing.T) {
			change, _ := translate(t, book{}, arrived(c.source, &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: c.key, Text: proto.String("👍")}}))
			r, ok := change.Op.(*Reaction)
			if !ok || r.TargetSender != c.sender || r.TargetFromMe != c.fromMe {
				t.Errorf("%s: %+v", name, change.Op)
			}
		})
	}
}

func TestEditsAndRevokes(t *testing.T) {
	source := types.MessageSource{Chat: anna, Sender: anna}
	key := &waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String("T")}
	inner := &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: hello(), TimestampMS: proto.Int64(77),
	}}
	wrapped := &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: inner}}
	for _, m := range []*waE2E.Message{inner, wrapped} {
		c, _ := translate(t, book{}, arrived(source, m))
		if e, ok := c.Op.(*Edit); !ok || e.Target != "T" || e.AtMs != 77 || e.Raw.GetConversation() != "hello" {
			t.Errorf("edit %+v", c.Op)
		}
	}
	m := arrived(source, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key}})
	m.Info.Edit = types.EditAttributeAdminRevoke
	c, _ := translate(t, book{}, m)
	if r, ok := c.Op.(*Revoke); !ok || r.Target != "T" || !r.Admin || r.By != "4911@c.us" || r.TargetSender != "4911@c.us" {
		t.Errorf("revoke %+v", c.Op)
	}
}

func TestSentSaysWhatTheDeviceDid(t *testing.T) {
	c, ok, err := Sent(context.Background(), us, book{}, Outgoing{Chat: anna, ID: "3EB0", At: time.Unix(5, 0), Message: hello()})
	m, is := c.Op.(*Message)
	if err != nil || !ok || !is || !m.Sent || !m.FromMe || m.Chat != "4911@c.us" || m.Sender != "4900@c.us" || m.ID != "3EB0" {
		t.Errorf("sent %+v, %v", c.Op, err)
	}
	if _, ok, err := Sent(context.Background(), us, book{}, Outgoing{Chat: anna, ID: "X"}); ok || err != nil {
		t.Errorf("nothing sent: %t, %v", ok, err)
	}
}

// FuzzTranslate feeds whatever a stranger may put into a message through every
// way that messages come: it must not panic, and everything must encode.
func FuzzTranslate(f *testing.F) {
	key := &waCommon.MessageKey{ID: proto.String("T"), FromMe: proto.Bool(true), Participant: proto.String("911@lid")}
	for _, m := range []*waE2E.Message{
		hello(),
		{ReactionMessage: &waE2E.ReactionMessage{Key: key, Text: proto.String("👍")}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: hello()}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Key: key}},
		{EditedMessage: &waE2E.FutureProofMessage{Message: hello()}},
		{PollCreationMessage: &waE2E.PollCreationMessage{Name: proto.String("?")}},
		{EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("\xff\x00")}}}},
		{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: hello()}},
	} {
		encoded, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded, "3AID", "Anna", uint8(0))
		f.Add(encoded, "\xff", strings.Repeat("x", 300), uint8(7))
	}
	f.Fuzz(func(t *testing.T, encoded []byte, id, name string, how uint8) {
		var m waE2E.Message
		if proto.Unmarshal(encoded, &m) != nil {
			return
		}
		sources := []types.MessageSource{
			{Chat: anna, Sender: anna},
			{Chat: lid, Sender: lid, SenderAlt: anna},
			{Chat: team, Sender: anna, IsGroup: true},
			{Chat: anna, Sender: us.JID, IsFromMe: true},
		}
		evt := &events.Message{
			Info:       types.MessageInfo{MessageSource: sources[how%4], ID: id, PushName: name, Timestamp: time.Unix(1, 0)},
			RawMessage: &m,
		}
		ids := keyring{}
		check(t, ids, evt.UnwrapRaw())
		var past waHistorySync.HistorySync
		if how > 128 && proto.Unmarshal(encoded, &past) == nil {
			check(t, ids, &events.HistorySync{Data: &past})
		}
	})
}

func check(t *testing.T, ids IDs, evt any) {
	c, _, err := Translate(context.Background(), us, ids, evt)
	if err != nil {
		t.Fatal(err)
	}
	messages := []Message{}
	switch op := c.Op.(type) {
	case *Message:
		messages = append(messages, *op)
	case *History:
		if err := op.Each(func(p Past) error { messages = append(messages, p.Messages...); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range messages {
		if m.ID != shape.Clean(m.ID) || len(m.ID) > 200 || m.PushName != shape.Clean(m.PushName) || len(m.Chat) > 300 {
			t.Errorf("unclean %+v", m)
		}
		if _, err := json.Marshal(shape.Render(shape.Source{Chat: m.Chat, ID: m.ID, Sender: m.Sender, Raw: m.Raw, Type: m.Type, Body: m.Body})); err != nil {
			t.Fatal(err)
		}
	}
}
