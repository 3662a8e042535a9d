package relay

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

func TestPicturesAndAbouts(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	const id = "15550000002@c.us"
	for _, method := range []string{"getProfilePicUrl", "Contact.getProfilePicUrl"} {
		bob.SetPicture("")
		if url := ask[*string](r, method, id); url != nil {
			t.Errorf("%s without a picture: %s", method, *url)
		}
		bob.SetPicture("1700000001")
		if url := ask[*string](r, method, id); url == nil || *url == "" {
			t.Errorf("%s: no address", method)
		}
	}
	r.sim.SetAbout(bob, "")
	if text := ask[*string](r, "Contact.getAbout", id); text != nil {
		t.Errorf("an empty about: %q", *text)
	}
	r.sim.SetAbout(bob, "at the sea")
	if text := ask[*string](r, "Contact.getAbout", id); text == nil || *text != "at the sea" {
		t.Errorf("about: %v", text)
	}
}

func TestBlocking(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	r.say(bob, "hello")
	const id = "15550000002@c.us"
	if !ask[bool](r, "Contact.block", id) {
		t.Error("block")
	}
	if got := r.me.Blocked(); len(got) != 1 || got[0] != bob.LID() {
		t.Errorf("the server has blocked %v, want %v", got, bob.LID())
	}
	if people := ask[[]shape.Contact](r, "getBlockedContacts"); len(people) != 1 || people[0].ID.Serialized != id || !people[0].IsBlocked {
		t.Errorf("blocked: %+v", people)
	}
	if c := ask[shape.Contact](r, "getContactById", id); !c.IsBlocked || c.Pushname != "Bob" {
		t.Errorf("one of the blocked: %+v", c)
	}
	if !ask[bool](r, "Contact.unblock", id) || len(r.me.Blocked()) != 0 {
		t.Errorf("still blocked: %v", r.me.Blocked())
	}
	if people := ask[[]shape.Contact](r, "getBlockedContacts"); len(people) != 0 {
		t.Errorf("blocked: %+v", people)
	}
	if c := ask[shape.Contact](r, "getContactById", id); c.IsBlocked {
		t.Errorf("one who is free again: %+v", c)
	}
	// Blocked on another device, and somebody who was never heard of.
	if err := r.Mirror.SetBlocked(r.ctx, []string{"15550000077@c.us"}); err != nil {
		t.Fatal(err)
	}
	if c := ask[shape.Contact](r, "getContactById", "15550000077@c.us"); !c.IsBlocked {
		t.Errorf("a stranger: %+v", c)
	}
	if err := r.RefreshBlocklist(r.ctx, r.Client()); err != nil || ask[shape.Contact](r, "getContactById", "15550000077@c.us").IsBlocked {
		t.Errorf("read anew: %v", err)
	}
	if _, err := r.try("", "Contact.block", "120363000000000000@g.us"); !fault.Is(err, fault.Invalid) {
		t.Errorf("blocking a group: %v", err)
	}
}

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	table := offline(t, true)
	for _, tc := range []struct{ id, formatted, code string }{
		{"4915123456789@c.us", "+49 1512 3456789", "49"},
		{"18092201111", "+1 (809) 220-1111", "1"},
		{"+55 11 96123-4567", "+55 11 96123-4567", "55"},
	} {
		for _, class := range []string{"", "Contact."} {
			if got := string(answer(t, table, class+"getFormattedNumber", tc.id)); got != `"`+tc.formatted+`"` {
				t.Errorf("%s: %s, want %s", tc.id, got, tc.formatted)
			}
			if got := string(answer(t, table, class+"getCountryCode", tc.id)); got != `"`+tc.code+`"` {
				t.Errorf("%s: country code %s, want %s", tc.id, got, tc.code)
			}
		}
	}
	if _, err := table.Call(t.Context(), "getCountryCode", []byte(`["123456@lid"]`), ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("country of a hidden id: %v", err)
	}
}

func answer(t *testing.T, table *Table, method, param string) []byte {
	t.Helper()
	result, err := table.Call(t.Context(), method, []byte("["+quote(param)+"]"), "")
	if err != nil {
		t.Fatalf("%s(%s): %v", method, param, err)
	}
	return result
}

func TestDevicesAndIds(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	if n := ask[int](r, "getContactDeviceCount", "15550000002@c.us"); n != 1 {
		t.Errorf("Bob has %d devices", n)
	}
	got := ask[[]lidPhone](r, "getContactLidAndPhone", []string{"15550000002@c.us", "15559999999@c.us"})
	if len(got) != 2 || got[0] != (lidPhone{LID: shape.ID(bob.LID()), PN: "15550000002@c.us"}) || got[1] != (lidPhone{}) {
		t.Errorf("ids: %+v", got)
	}
	if back := ask[[]lidPhone](r, "getContactLidAndPhone", shape.ID(bob.LID())); len(back) != 1 || back[0].PN != "15550000002@c.us" {
		t.Errorf("ids of a hidden id: %+v", back)
	}
}

func TestContactsAreSaved(t *testing.T) {
	r := newRig(t)
	r.synced()
	bob := r.contact("15550000002", "Bob")
	ask[any](r, "saveOrEditAddressbookContact", "15550000002", "Robert", "Tables", true)
	if c := ask[shape.Contact](r, "getContactById", "15550000002@c.us"); c.Name != "Robert Tables" || c.ShortName != "Robert" || !c.IsMyContact {
		t.Errorf("contact: %+v", c)
	}
	r.eventually("the phone has it", func() bool {
		a := r.me.Phone().Setting(appstate.IndexContact, bob.PN().String()).GetContactAction()
		return a.GetFullName() == "Robert Tables" && a.GetSaveOnPrimaryAddressbook()
	})
	ask[any](r, "deleteAddressbookContact", "15550000002")
	if c := ask[shape.Contact](r, "getContactById", "15550000002@c.us"); c.Name != "" || c.IsMyContact {
		t.Errorf("deleted contact: %+v", c)
	}
	r.eventually("the phone forgot it", func() bool { return r.me.Phone().Setting(appstate.IndexContact, bob.PN().String()) == nil })
	if _, err := r.try("", "deleteAddressbookContact", "15550000002"); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	ask[any](r, "saveOrEditAddressbookContact", "15550000002", "Bob", "Again") // the collection is still whole
	r.eventually("the phone has it again", func() bool {
		return r.me.Phone().Setting(appstate.IndexContact, bob.PN().String()).GetContactAction().GetFullName() == "Bob Again"
	})
	if _, err := r.try("", "saveOrEditAddressbookContact", "15550000002", "", " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("no name: %v", err)
	}
}

func TestOwnProfile(t *testing.T) {
	r := newRig(t)
	r.synced()
	ask[any](r, "setStatus", "Back at nine")
	if r.me.About() != "Back at nine" {
		t.Errorf("about: %q", r.me.About())
	}
	if !ask[bool](r, "setDisplayName", "Alice & Co") {
		t.Error("setDisplayName")
	}
	r.eventually("the phone has the name", func() bool {
		return r.me.Phone().Setting(appstate.IndexSettingPushName).GetPushNameSetting().GetName() == "Alice & Co"
	})
	if _, err := r.try("", "setDisplayName", "  "); !fault.Is(err, fault.Invalid) {
		t.Errorf("no name: %v", err)
	}
	ask[any](r, "sendPresenceUnavailable")
	ask[any](r, "sendPresenceAvailable")
}
