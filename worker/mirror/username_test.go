package mirror

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func saved(name string, username *string, full bool) *events.Contact {
	return &events.Contact{
		JID: anna, Timestamp: time.Unix(1000, 0), FromFullSync: full,
		Action: &waSyncAction.ContactAction{FullName: &name, Username: username},
	}
}

func TestUsernameOfAContact(t *testing.T) {
	b := newBench(t)
	one, two, none := "anna.one", "anna.two", ""
	for _, tc := range []struct {
		name, events string
		event        *events.Contact
		want         string
	}{
		{"a full synchronisation is no news", "", saved("Anna", &one, true), one},
		{"the same again", "", saved("Anna", &one, false), one},
		{"an entry that does not tell it", "", saved("Anna B", nil, false), one},
		{"another one", "contact_username ", saved("Anna B", &two, false), two},
		{"another one, missed until a full synchronisation", "contact_username ", saved("Anna B", &one, true), one},
		{"given up", "contact_username ", saved("Anna B", &none, false), ""},
		{"a first one", "contact_username ", saved("Anna B", &two, false), two},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, told := range b.expect(tc.events, func() { b.event(book{}, tc.event) }) {
				if c := decode[shape.Contact](t, told.Args[0]); c.Username != tc.want || c.Name != tc.event.Action.GetFullName() {
					t.Errorf("event tells %+v", c)
				}
			}
			c, err := b.Contact(b.ctx, annaID)
			if err != nil || c.Username != tc.want || c.Name != tc.event.Action.GetFullName() {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// A username that came with a hidden id stays when the number becomes known.
func TestUsernameOfAHiddenIDStays(t *testing.T) {
	b := newBench(t)
	ids, username := book{}, "anna"
	b.event(ids, hidden("L1", "who am I", types.EmptyJID))
	change := inbound.Change{Account: us, Contacts: []inbound.Contact{{ID: annaLID, Username: &username}}}
	if err := b.Apply(b.ctx, change); err != nil {
		t.Fatal(err)
	}
	b.event(ids, hidden("L2", "it is me", anna))
	for _, id := range []string{annaID, annaLID} {
		c, err := b.Contact(b.ctx, id)
		if err != nil || c.Username != username || c.ID.Serialized != annaID {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
		chat, err := b.Chat(b.ctx, id)
		if err != nil || chat.Username != username {
			t.Errorf("chat %s: %+v, %v", id, chat, err)
		}
	}
	told := b.expect("unread_count ", func() {
		b.event(ids, &events.MarkChatAsRead{
			JID: anna, Timestamp: time.Unix(2000, 0),
			Action: &waSyncAction.MarkChatAsReadAction{Read: new(bool)},
		})
	})
	if len(told) == 1 {
		if c := decode[shape.Chat](t, told[0].Args[0]); c.Username != username {
			t.Errorf("event tells %+v", c)
		}
	}
}
