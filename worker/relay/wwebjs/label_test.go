package wwebjs

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

// labelled makes labels on the phone, as its owner does, and waits for them.
func (r *rig) labelled(labels map[string]string) {
	r.T.Helper()
	for id, name := range labels {
		if err := r.Me.Phone().Change(r.Ctx, appstate.BuildLabelEdit(id, name, 3, false)); err != nil {
			r.T.Fatal(err)
		}
	}
	r.Eventually("the labels arrive", func() bool { return len(ask[[]shape.Label](r, "getLabels")) >= len(labels) })
}

func TestLabelsOfChats(t *testing.T) {
	r := newRig(t)
	r.Synced()
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	r.Say(bob, "hello")
	r.Say(carol, "hello")
	r.labelled(map[string]string{"1": "New", "2": "Paid", "10": "Old"})
	all := ask[[]shape.Label](r, "getLabels")
	if len(all) != 3 || all[0] != (shape.Label{ID: "1", Name: "New", HexColor: "#dfaef0"}) || all[2].ID != "10" {
		t.Errorf("labels: %+v", all)
	}
	if l := ask[shape.Label](r, "getLabelById", 2); l.Name != "Paid" {
		t.Errorf("label 2: %+v", l)
	}
	onPhone := func(id string, chat string) bool {
		return r.Me.Phone().Setting(appstate.IndexLabelAssociationChat, id, chat).GetLabelAssociationAction().GetLabeled()
	}
	ask[any](r, "addOrRemoveLabels", []any{"1", 2}, []string{"15550000002@c.us", "15550000003@c.us"})
	if got := ask[[]shape.Label](r, "getChatLabels", "15550000002@c.us"); len(got) != 2 {
		t.Errorf("Bob's labels: %+v", got)
	}
	r.Eventually("the phone has them", func() bool { return onPhone("1", bob.PN().String()) && onPhone("2", carol.PN().String()) })
	ask[any](r, "Chat.changeLabels", "15550000002@c.us", []string{"10"})
	if got := ask[[]shape.Label](r, "Chat.getLabels", "15550000002@c.us"); len(got) != 1 || got[0].ID != "10" {
		t.Errorf("Bob's labels after the change: %+v", got)
	}
	r.Eventually("the phone took the others off", func() bool {
		return !onPhone("1", bob.PN().String()) && onPhone("10", bob.PN().String()) && onPhone("1", carol.PN().String())
	})
	for _, method := range []string{"getChatsByLabelId", "Label.getChats"} {
		if chats := ask[[]shape.Chat](r, method, "1"); len(chats) != 1 || chats[0].ID.Serialized != "15550000003@c.us" {
			t.Errorf("%s: %+v", method, chats)
		}
	}
	// The owner deletes a label on the phone.
	if err := r.Me.Phone().Change(r.Ctx, appstate.BuildLabelEdit("1", "New", 3, true)); err != nil {
		t.Fatal(err)
	}
	r.Eventually("the label is gone", func() bool { return len(ask[[]shape.Label](r, "getLabels")) == 2 })
	if got := ask[[]shape.Label](r, "getChatLabels", "15550000003@c.us"); len(got) != 1 || got[0].ID != "2" {
		t.Errorf("Carol's labels: %+v", got)
	}
	for _, params := range [][]any{{[]string{"99"}, []string{"15550000002@c.us"}}, {[]string{"2"}, []string{"15559999999@c.us"}}} {
		if _, err := r.Try("", "addOrRemoveLabels", params...); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v: %v", params, err)
		}
	}
	for field, params := range map[string][]any{"params[0]": {"1", []string{}}, "params[0][1]": {[]any{"1", true}, []string{}}, "params[1][0]": {[]any{}, []string{"nobody"}}} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "addOrRemoveLabels", params...); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != field {
				t.Errorf("%v: %v names %q, want %q", params, err, relaytest.FieldOf(err), field)
			}
		})
	}
}

func TestCustomerNotes(t *testing.T) {
	r := newRig(t)
	r.Synced()
	const customer = "15550000002@c.us"
	bob := r.Contact("15550000002", "Bob")
	if note := ask[*shape.CustomerNote](r, "getCustomerNote", customer); note != nil {
		t.Errorf("a note nobody wrote: %+v", note)
	}
	ask[any](r, "addOrEditCustomerNote", customer, "Pays late")
	first := ask[*shape.CustomerNote](r, "Chat.getCustomerNote", customer)
	if first == nil || first.Content != "Pays late" || first.ChatID != customer || first.Type != "unstructured" || first.CreatedAt == 0 || first.ModifiedAt < first.CreatedAt {
		t.Fatalf("note: %+v", first)
	}
	ask[any](r, "Chat.addOrEditCustomerNote", customer, "Pays in time now")
	second := ask[*shape.CustomerNote](r, "getCustomerNote", customer)
	if second.ID != first.ID || second.Content != "Pays in time now" || second.CreatedAt != first.CreatedAt {
		t.Errorf("edited note: %+v", second)
	}
	r.Eventually("the phone has it", func() bool {
		n := r.Me.Phone().Setting(appstate.IndexNoteEdit, first.ID).GetNoteEditAction()
		return n.GetUnstructuredContent() == "Pays in time now" && n.GetChatJID() == bob.PN().String()
	})
	if _, err := r.Try("", "addOrEditCustomerNote", "120363000000000000@g.us", "x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a group as customer: %v", err)
	}
}
