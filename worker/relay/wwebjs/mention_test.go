package wwebjs

import (
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// A mention has one form in text and list: that of the group's members. WhatsApp Web writes
// the user part of the same address into the text, and phones compare both.
func TestMentionsHaveTheFormOfTheirGroup(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const number = "15550000002"
	hidden := bob.LID().User
	for _, row := range []struct {
		name    string
		byPhone bool
		given   string // in text and list
		want    string // user part
		listed  string
	}{
		{"hidden ids, number given", false, number + "@c.us", hidden, hidden + "@lid"},
		{"hidden ids, hidden id given", false, hidden + "@lid", hidden, hidden + "@lid"},
		{"numbers, number given", true, number + "@c.us", number, number + "@s.whatsapp.net"},
		{"numbers, hidden id given", true, hidden + "@lid", number, number + "@s.whatsapp.net"},
	} {
		t.Run(row.name, func(t *testing.T) {
			group, err := r.Sim.CreateGroup(row.name, r.Me, bob)
			if err != nil {
				t.Fatal(err)
			}
			r.Eventually("the group", func() bool {
				c, err := r.Mirror.Chat(r.Ctx, group.String())
				return err == nil && c.GroupMetadata != nil
			})
			err = r.Mirror.Apply(r.Ctx, inbound.Change{Account: r.Mirror.Account(), Op: &inbound.GroupChange{
				Chat: group.String(), Apply: func(m *shape.GroupMetadata) { m.IsLIDAddressingMode = !row.byPhone },
			}})
			if err != nil {
				t.Fatal(err)
			}
			user, _, _ := strings.Cut(row.given, "@")
			options := map[string]any{"mentions": []string{row.given}}
			check := func(what, text string, sent shape.Message) {
				t.Helper()
				got := r.Arrived(bob, what, func(m *waE2E.Message) bool { return strings.HasSuffix(message.Read(edited(m)).Text, text) })
				content := message.Read(edited(got.Message))
				if content.Text != "@"+row.want+" "+text || !slices.Equal(content.Context.GetMentionedJID(), []string{row.listed}) {
					t.Errorf("%s: %q mentions %v", what, content.Text, content.Context.GetMentionedJID())
				}
				if !slices.Equal(sent.MentionedIDs, []string{number + "@c.us"}) {
					t.Errorf("%s is shown with %v", what, sent.MentionedIDs)
				}
			}
			sent := ask[shape.Message](r, "sendMessage", group.String(), "@"+user+" look "+row.name, options)
			check("a text", "look "+row.name, sent)
			check("an edit", "see "+row.name, *ask[*shape.Message](r, "Message.edit", sent.ID.Serialized, "@"+user+" see "+row.name, options))
			picture := map[string]any{"mimetype": "text/plain", "data": "aGk=", "filename": "a.txt"}
			options["caption"] = "@" + user + " read " + row.name
			check("a caption", "read "+row.name, ask[shape.Message](r, "sendMessage", group.String(), picture, options))
		})
	}
}

// edited is the new content of an edit, and the message itself otherwise.
func edited(m *waE2E.Message) *waE2E.Message {
	if p := message.Unwrap(m).Message.GetProtocolMessage(); p.GetEditedMessage() != nil {
		return p.GetEditedMessage()
	}
	return m
}
