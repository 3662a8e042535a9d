package wasim_test

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
)

func TestHistoryArrives(t *testing.T) {
	r := newRig(t, nil)
	alice, err := r.CreateAccount("15550000001", "Alice", wasim.AccountOptions{
		Contacts: []wasim.Contact{{Number: "15550000009", Name: "Nina Nine"}}, Chats: 3, Messages: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := r.pair(alice)
	history := await(c, "history", func(e *events.HistorySync) bool { return len(e.Data.GetConversations()) > 0 })
	if n := len(history.Data.GetConversations()); n != 3 {
		t.Fatalf("%d conversations", n)
	}
	for _, chat := range history.Data.GetConversations() {
		if len(chat.GetMessages()) != 5 {
			t.Errorf("%s has %d messages", chat.GetID(), len(chat.GetMessages()))
		}
	}
	// The address book comes with the app state, the own name too.
	await(c, "app state", func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalBlock })
	if c.Store.PushName != "Alice" {
		t.Errorf("own name %q", c.Store.PushName)
	}
	await(c, "app state", func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalUnblockLow })
	contact, err := c.Store.Contacts.GetContact(r.ctx, types.NewJID("15550000009", types.DefaultUserServer))
	if err != nil || contact.FullName != "Nina Nine" {
		t.Errorf("contact %+v, %v", contact, err)
	}
	// The people of the history exist and answer.
	c.send(types.NewJID("15550000009", types.DefaultUserServer), "hi nina")
	r.awaitReceived(r.Account("15550000009"), "hi nina")
}

func TestAppStateReachesTheOthers(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	one, _ := r.pair(alice)
	two, _ := r.pair(alice)
	for _, c := range []*client{one, two} {
		for _, name := range appstate.AllPatchNames {
			await(c, "app state "+string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name })
		}
	}
	before := alice.AppStateVersion(string(appstate.WAPatchRegularHigh))
	if err := one.SendAppState(r.ctx, appstate.BuildMute(bob.PN(), true, time.Hour)); err != nil {
		t.Fatal(err)
	}
	await(two, "mute", func(e *events.Mute) bool { return e.JID == bob.PN() && e.Action.GetMuted() })
	if after := alice.AppStateVersion(string(appstate.WAPatchRegularHigh)); after != before+1 {
		t.Errorf("version %d after %d", after, before)
	}
	if state := alice.Phone().Chat(bob.PN()); state.MutedUntil.IsZero() {
		t.Error("the phone does not know of the mute")
	}
	// The other way round, from the phone.
	if err := alice.Phone().Pin(r.ctx, bob.PN(), true); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{one, two} {
		await(c, "pin", func(e *events.Pin) bool { return e.JID == bob.PN() && e.Action.GetPinned() })
	}
}

func TestAppStateConflict(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	one, _ := r.pair(alice)
	two, d2 := r.pair(alice)
	for _, name := range appstate.AllPatchNames {
		await(two, "app state "+string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
	// The second does not hear of the first one's patch before it writes its own.
	d2.Delay(500 * time.Millisecond)
	if err := one.SendAppState(r.ctx, appstate.BuildPin(bob.PN(), true)); err != nil {
		t.Fatal(err)
	}
	if err := two.SendAppState(r.ctx, appstate.BuildArchive(bob.PN(), true, time.Time{}, nil)); err != nil {
		// whatsmeow applies a conflict outside its own lock and may trip over the
		// server_sync that comes meanwhile; a second try must work.
		d2.Delay(0)
		if err = two.SendAppState(r.ctx, appstate.BuildArchive(bob.PN(), true, time.Time{}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	await(one, "archive", func(e *events.Archive) bool { return e.JID == bob.PN() })
	await(two, "pin", func(e *events.Pin) bool { return e.JID == bob.PN() })
}
