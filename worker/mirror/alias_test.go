package mirror

import (
	"context"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

const annaLID = "911@lid"

// book knows pairs as they are told.
type book map[string]string

func (b book) GetPNForLID(_ context.Context, lid types.JID) (types.JID, error) {
	if pn := b[lid.User]; pn != "" {
		return types.NewJID(pn, types.DefaultUserServer), nil
	}
	return types.JID{}, nil
}

func (b book) GetLIDForPN(context.Context, types.JID) (types.JID, error) { return types.JID{}, nil }

func hidden(id, body string, alt types.JID) *events.Message {
	lid := types.NewJID("911", types.HiddenUserServer)
	return (&events.Message{
		Info: types.MessageInfo{
			MessageSource: types.MessageSource{Chat: lid, Sender: lid, SenderAlt: alt, AddressingMode: types.AddressingModeLID},
			ID:            id, Timestamp: time.Unix(1000, 0), PushName: "Anna",
		},
		RawMessage: text(body),
	}).UnwrapRaw()
}

func (b *bench) event(ids inbound.IDs, evt any) {
	b.Helper()
	change, ok, err := inbound.Translate(b.ctx, us, ids, evt)
	if err != nil {
		b.Fatal(err)
	}
	if ok {
		if err := b.Apply(b.ctx, change); err != nil {
			b.Fatal(err)
		}
	}
}

func TestHiddenIDsJoinTheirPhoneNumber(t *testing.T) {
	b := newBench(t)
	ids := book{}
	b.expect("message_create message unread_count ", func() { b.event(ids, hidden("L1", "who am I", types.EmptyJID)) })
	if _, err := b.Chat(b.ctx, annaLID); err != nil {
		t.Fatal(err)
	}
	// The same message again, now with the number: no second event, one chat.
	b.expect("", func() { b.event(ids, hidden("L1", "who am I", anna)) })
	b.expect("message_create message unread_count ", func() { b.event(ids, hidden("L2", "it is me", anna)) })
	ids["911"] = "4911" // from now on the store knows
	b.expect("", func() { b.event(ids, hidden("L2", "it is me", types.EmptyJID)) })

	chats, err := b.Chats(b.ctx)
	if err != nil || len(chats) != 1 || chats[0].ID.Serialized != annaID || chats[0].UnreadCount != 2 {
		t.Errorf("chats %+v, %v", chats, err)
	}
	for _, id := range []string{annaID, annaLID} {
		list, err := b.Messages(b.ctx, id, Filter{})
		if err != nil || len(list) != 2 || list[0].ID.Serialized != "false_4911@c.us_L1" || list[0].From != annaID {
			t.Errorf("messages of %s: %+v, %v", id, list, err)
		}
	}
	if got := b.message("false_911@lid_L1"); got.From != annaID {
		t.Errorf("by its first id: %+v", got)
	}
	c, err := b.Contact(b.ctx, annaLID)
	if err != nil || c.ID.Serialized != annaID || c.Pushname != "Anna" {
		t.Errorf("contact %+v, %v", c, err)
	}
	contacts, err := b.Contacts(b.ctx)
	if err != nil || len(contacts) != 2 {
		t.Errorf("contacts %+v, %v", contacts, err)
	}
}

func TestReceiptUnderTheOtherID(t *testing.T) {
	b := newBench(t)
	if _, err := b.RecordSent(b.ctx, inbound.Change{Account: us, Op: sent(annaID, "S1", "hi", 1000)}); err != nil {
		t.Fatal(err)
	}
	lid := types.NewJID("911", types.HiddenUserServer)
	b.expect("message_ack ", func() {
		b.event(book{}, &events.Receipt{
			MessageSource: types.MessageSource{Chat: lid, Sender: lid}, MessageIDs: []string{"S1"},
			Timestamp: time.Unix(1001, 0), Type: types.ReceiptTypeRead,
		})
	})
	if got := b.message("true_4911@c.us_S1"); got.Ack != int(inbound.LevelRead) {
		t.Errorf("ack %d", got.Ack)
	}
}

func TestChatWithOneself(t *testing.T) {
	b := newBench(t)
	own := types.NewJID("900", types.HiddenUserServer)
	e := (&events.Message{
		Info:       types.MessageInfo{MessageSource: types.MessageSource{Chat: own, Sender: own, IsFromMe: true}, ID: "ME1", Timestamp: time.Unix(1000, 0)},
		RawMessage: text("note"),
	}).UnwrapRaw()
	told := b.expect("message_create ", func() { b.event(book{}, e) })
	if msg := decode[shape.Message](t, told[0].Args[0]); msg.ID.Serialized != "true_4900@c.us_ME1_out" {
		t.Errorf("id %s", msg.ID.Serialized)
	}
}
