package wwebjs

import (
	"bytes"
	"compress/zlib"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/user"
)

func TestUsernamesOfTheAddressBook(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	const bobID = "15550000002@c.us"
	await(r, "the first address book", func(e *events.AppStateSyncComplete) bool {
		return e.Name == appstate.WAPatchCriticalUnblockLow
	})
	save := func(c phone.Contact) {
		t.Helper()
		if err := r.Me.Phone().SaveContact(r.Ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	save(phone.Contact{PN: bob.PN(), FullName: "Bob Builder", FirstName: "Bob", Username: "bob.builds"})
	await(r, "Bob's entry", func(e *events.Contact) bool { return e.Action.GetUsername() == "bob.builds" })
	if c := ask[shape.Contact](r, "getContactById", bobID); c.Username != "bob.builds" || c.Name != "Bob Builder" {
		t.Errorf("%+v", c)
	}
	if _, err := bob.Phone().SendText(r.Ctx, r.Me.PN(), "hello"); err != nil {
		t.Fatal(err)
	}
	await(r, "a message", func(e *events.Message) bool { return e.Message.GetConversation() == "hello" })
	chats := ask[[]shape.Chat](r, "getChats")
	if i := slices.IndexFunc(chats, func(c shape.Chat) bool { return c.ID.Serialized == bobID }); i < 0 || chats[i].Username != "bob.builds" {
		t.Errorf("chats: %+v", chats)
	}
	save(phone.Contact{PN: bob.PN(), FullName: "Bob Builder", FirstName: "Bob", Username: "bob.rests"})
	await(r, "Bob's new entry", func(e *events.Contact) bool { return e.Action.GetUsername() == "bob.rests" })
	if c := ask[shape.Chat](r, "getChatById", bobID); c.Username != "bob.rests" {
		t.Errorf("%+v", c)
	}
	kinds := slices.DeleteFunc(r.Feed(bobID), func(kind string) bool { return kind != "contact_username" })
	if len(kinds) != 2 {
		t.Errorf("%d events about usernames", len(kinds))
	}

	// Somebody who is known by nothing else.
	save(phone.Contact{LID: carol.LID(), FullName: "Carol", Username: "carol"})
	await(r, "Carol's entry", func(e *events.AppState) bool { return e.GetLidContactAction().GetUsername() == "carol" })
	if c := ask[shape.Contact](r, "getContactById", carol.LID().String()); c.Username != "carol" || c.Name != "Carol" {
		t.Errorf("%+v", c)
	}
	if c := ask[shape.Contact](r, "getContactById", "15550000099@c.us"); c.Username != "" {
		t.Errorf("a stranger: %+v", c)
	}
}

func TestUsernamesOfTheHistory(t *testing.T) {
	r := newRig(t)
	people := []struct {
		name, number, want string
		history            func(pn, lid string) *waHistorySync.HistorySync
	}{
		{"conversation", "15550000002", "from.chat", func(pn, _ string) *waHistorySync.HistorySync {
			return &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{{
				ID: &pn, Username: proto.String("from.chat"),
			}}}
		}},
		{"inline contact", "15550000003", "inline", func(pn, lid string) *waHistorySync.HistorySync {
			return &waHistorySync.HistorySync{InlineContacts: []*waHistorySync.InlineContact{{
				PnJID: &pn, LidJID: &lid, Username: proto.String("inline"),
			}}}
		}},
		{"account", "15550000004", "account", func(pn, lid string) *waHistorySync.HistorySync {
			return &waHistorySync.HistorySync{
				PhoneNumberToLidMappings: []*waHistorySync.PhoneNumberToLIDMapping{{PnJID: &pn, LidJID: &lid}},
				Accounts:                 []*waHistorySync.Account{{Lid: &lid, Username: proto.String("account")}},
			}
		}},
		{"given up", "15550000004", "", func(_, lid string) *waHistorySync.HistorySync {
			return &waHistorySync.HistorySync{Accounts: []*waHistorySync.Account{{Lid: &lid, IsUsernameDeleted: proto.Bool(true)}}}
		}},
	}
	for _, p := range people {
		t.Run(p.name, func(t *testing.T) {
			account := r.Sim.Account(p.number)
			if account == nil {
				account = r.Contact(p.number, "Somebody")
			}
			history := p.history(account.PN().String(), account.LID().String())
			history.SyncType = waHistorySync.HistorySync_FULL.Enum()
			history.Progress = proto.Uint32(uint32(len(p.name))) // to know it again
			var packed bytes.Buffer
			w := zlib.NewWriter(&packed)
			raw, err := proto.Marshal(history)
			if err == nil {
				_, err = w.Write(raw)
			}
			if err == nil {
				err = w.Close()
			}
			if err == nil {
				err = r.Me.Phone().SendHistoryPart(r.Ctx, r.Me.Devices()[0].JID(), packed.Bytes(), true)
			}
			if err != nil {
				t.Fatal(err)
			}
			await(r, "the history", func(e *events.HistorySync) bool { return e.Data.GetProgress() == uint32(len(p.name)) })
			if c := ask[shape.Contact](r, "getContactById", p.number+"@c.us"); c.Username != p.want {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestFindByUsername(t *testing.T) {
	r := newRig(t)
	open, locked := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	nameless := r.Contact("15550000004", "Dave")
	for account, name := range map[*wasim.Account]user.Username{open: {Name: "Bob.Builds"}, locked: {Name: "carol_99", Key: "1234"}} {
		if err := account.SetUsername(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		params []any
		want   string
	}{
		{"as it is written", []any{"Bob.Builds"}, open.LID().String()},
		{"with a sign in front", []any{"@bob.builds"}, open.LID().String()},
		{"a key that nobody asks for", []any{"bob.builds", "9999"}, open.LID().String()},
		{"with the key", []any{"carol_99", "1234"}, locked.LID().String()},
		{"nobody", []any{"nobody.at.all"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := ask[*shape.Wid](r, "getUsernameId", tc.params...)
			if (found == nil) != (tc.want == "") || found != nil && found.Serialized != tc.want {
				t.Errorf("found %+v", found)
			}
		})
	}
	for _, tc := range []struct {
		name, field string
		params      []any
	}{
		{"no key", "params[1]", []any{"carol_99"}},
		{"a wrong key", "params[1]", []any{"carol_99", "4321"}},
		{"a key that is none", "params[1]", []any{"carol_99", "12a4"}},
		{"too short", "params[0]", []any{"ab"}},
		{"a number", "params[0]", []any{"+1 555 0000002"}},
		{"no text", "params[0]", []any{17}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := r.Try("", "getUsernameId", tc.params...)
			if !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != tc.field {
				t.Errorf("%v", err)
			}
		})
	}

	// Whoever was found can be written to, and is known by the name from then on.
	id := open.LID().String()
	ask[shape.Message](r, "sendMessage", id, "found you")
	r.Received(open, "found you")
	for _, method := range []string{"getContactById", "getChatById"} {
		if c := ask[struct{ Username string }](r, method, id); c.Username != "Bob.Builds" {
			t.Errorf("%s: %+v", method, c)
		}
	}
	for account, want := range map[string]string{
		id: "Bob.Builds", open.PN().User + "@c.us": "Bob.Builds", nameless.PN().User + "@c.us": "",
	} {
		t.Run("username of "+account, func(t *testing.T) {
			got := ask[*string](r, "getUsername", account)
			if (got == nil) != (want == "") || got != nil && *got != want {
				t.Errorf("%v", got)
			}
		})
	}
	if err := open.SetUsername(user.Username{}); err != nil {
		t.Fatal(err)
	}
	if got := ask[*string](r, "getUsername", id); got != nil {
		t.Errorf("given up, but %q", *got)
	}
	if c := ask[shape.Contact](r, "getContactById", id); c.Username != "" {
		t.Errorf("given up: %+v", c)
	}
}
