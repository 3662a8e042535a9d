package wwebjs

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/shape"
)

func TestPicturesAndAbouts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
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
	r.Sim.SetAbout(bob, "")
	if text := ask[*string](r, "Contact.getAbout", id); text != nil {
		t.Errorf("an empty about: %q", *text)
	}
	r.Sim.SetAbout(bob, "at the sea")
	if text := ask[*string](r, "Contact.getAbout", id); text == nil || *text != "at the sea" {
		t.Errorf("about: %v", text)
	}
}

func TestBlocking(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	r.Say(bob, "hello")
	const id = "15550000002@c.us"
	if !ask[bool](r, "Contact.block", id) {
		t.Error("block")
	}
	if got := r.Me.Blocked(); len(got) != 1 || got[0] != bob.LID() {
		t.Errorf("the server has blocked %v, want %v", got, bob.LID())
	}
	if people := ask[[]shape.Contact](r, "getBlockedContacts"); len(people) != 1 || people[0].ID.Serialized != id || !people[0].IsBlocked {
		t.Errorf("blocked: %+v", people)
	}
	if c := ask[shape.Contact](r, "getContactById", id); !c.IsBlocked || c.Pushname != "Bob" {
		t.Errorf("one of the blocked: %+v", c)
	}
	if !ask[bool](r, "Contact.unblock", id) || len(r.Me.Blocked()) != 0 {
		t.Errorf("still blocked: %v", r.Me.Blocked())
	}
	if people := ask[[]shape.Contact](r, "getBlockedContacts"); len(people) != 0 {
		t.Errorf("blocked: %+v", people)
	}
	if c := ask[shape.Contact](r, "getContactById", id); c.IsBlocked {
		t.Errorf("one who is free again: %+v", c)
	}
	// Blocked on another device, and somebody who was never heard of.
	if err := r.Mirror.SetBlocked(r.Ctx, []string{"15550000077@c.us"}); err != nil {
		t.Fatal(err)
	}
	if c := ask[shape.Contact](r, "getContactById", "15550000077@c.us"); !c.IsBlocked {
		t.Errorf("a stranger: %+v", c)
	}
	if err := r.RefreshBlocklist(r.Ctx, r.Client); err != nil || ask[shape.Contact](r, "getContactById", "15550000077@c.us").IsBlocked {
		t.Errorf("read anew: %v", err)
	}
	if _, err := r.Try("", "Contact.block", "120363000000000000@g.us"); !fault.Is(err, fault.Invalid) {
		t.Errorf("blocking a group: %v", err)
	}
}

// The manager makes of the digits what people read.
func TestDigitsOfNumbers(t *testing.T) {
	table := offline(t, true)
	for id, want := range map[string]string{
		"4915123456789@c.us": "4915123456789", "18092201111": "18092201111", "+55 11 96123-4567": "5511961234567",
	} {
		t.Run(id, func(t *testing.T) {
			for _, method := range []string{"getFormattedNumber", "Contact.getFormattedNumber", "getCountryCode", "Contact.getCountryCode"} {
				if got := string(answer(t, table, method, id)); got != `"`+want+`"` {
					t.Errorf("%s: %s, want %s", method, got, want)
				}
			}
		})
	}
	if _, err := table.Call(t.Context(), "getCountryCode", []byte(`["123456@lid"]`), ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("country of a hidden id: %v", err)
	}
	if _, err := table.Call(t.Context(), "getCountryCode", []byte(`["99999999999@c.us"]`), ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("country of what is no number: %v", err)
	}
}

func answer(t *testing.T, table *relay.Table, method, param string) []byte {
	t.Helper()
	result, err := table.Call(t.Context(), method, []byte(`["`+param+`"]`), "")
	if err != nil {
		t.Fatalf("%s(%s): %v", method, param, err)
	}
	return result
}

func TestDevicesAndIds(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
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
	r.Synced()
	bob := r.Contact("15550000002", "Bob")
	ask[any](r, "saveOrEditAddressbookContact", "15550000002", "Robert", "Tables", true)
	if c := ask[shape.Contact](r, "getContactById", "15550000002@c.us"); c.Name != "Robert Tables" || c.ShortName != "Robert" || !c.IsMyContact {
		t.Errorf("contact: %+v", c)
	}
	r.Eventually("the phone has it", func() bool {
		a := r.Me.Phone().Setting(appstate.IndexContact, bob.PN().String()).GetContactAction()
		return a.GetFullName() == "Robert Tables" && a.GetSaveOnPrimaryAddressbook()
	})
	ask[any](r, "deleteAddressbookContact", "15550000002")
	if c := ask[shape.Contact](r, "getContactById", "15550000002@c.us"); c.Name != "" || c.IsMyContact {
		t.Errorf("deleted contact: %+v", c)
	}
	r.Eventually("the phone forgot it", func() bool { return r.Me.Phone().Setting(appstate.IndexContact, bob.PN().String()) == nil })
	if _, err := r.Try("", "deleteAddressbookContact", "15550000002"); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	ask[any](r, "saveOrEditAddressbookContact", "15550000002", "Bob", "Again") // the collection is still whole
	r.Eventually("the phone has it again", func() bool {
		return r.Me.Phone().Setting(appstate.IndexContact, bob.PN().String()).GetContactAction().GetFullName() == "Bob Again"
	})
	if _, err := r.Try("", "saveOrEditAddressbookContact", "15550000002", "", " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("no name: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	for _, form := range []string{"15550000002@c.us", "+1 555 000-0002", "15550000002"} {
		if !ask[bool](r, "isRegisteredUser", form) {
			t.Errorf("%s is not registered", form)
		}
	}
	if ask[bool](r, "isRegisteredUser", "15559999999") {
		t.Error("a number nobody has is registered")
	}
	if id := ask[*shape.Wid](r, "getNumberId", "+15550000002"); id == nil || id.Serialized != "15550000002@c.us" {
		t.Errorf("number id %+v", id)
	}
	if id := ask[*shape.Wid](r, "getNumberId", "15559999999"); id != nil {
		t.Errorf("number id %+v", id)
	}
	if c := ask[shape.Chat](r, "getChatById", "15550000002@c.us"); c.ID.Serialized != "15550000002@c.us" || c.IsGroup {
		t.Errorf("chat that does not exist yet: %+v", c)
	}
	for _, unknown := range []string{"15559999999@c.us", "120363000000000000@g.us"} {
		if _, err := r.Try("", "getChatById", unknown); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", unknown, err)
		}
	}
	if _, err := r.Try("", "sendMessage", "15559999999@c.us", "anyone?"); !fault.Is(err, fault.Refused) {
		t.Errorf("message to a number nobody has: %v", err)
	}
}
