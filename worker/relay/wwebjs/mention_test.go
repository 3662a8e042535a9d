package wwebjs

import (
	"fmt"
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

// A channel has no members, so a mention in a post keeps the form that was given, and text
// and list agree. It is shown by number where that is known, as in a chat.
func TestMentionsInPosts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	r.Message(bob.Number(), r.Me.Number(), `{"conversation":"it is me"}`, "") // tells both of his ids
	own := ask[createdChannel](r, "createChannel", "Our news").NID.Serialized
	theirs := bob.CreateChannel("Their news", "")
	if err := r.Me.FollowChannel(theirs, false); err != nil {
		t.Fatal(err)
	}
	for given, listed := range map[string]string{
		"15550000002@c.us": "15550000002@s.whatsapp.net", bob.LID().User + "@lid": bob.LID().User + "@lid",
	} {
		t.Run(given, func(t *testing.T) {
			user, _, _ := strings.Cut(given, "@")
			sent := ask[shape.Message](r, "Channel.sendMessage", own, "@"+user+" bakes", map[string]any{"mentions": []string{given}})
			posts := r.channel(own).Posts
			content := message.Read(posts[len(posts)-1].Message)
			if content.Text != "@"+user+" bakes" || !slices.Equal(content.Context.GetMentionedJID(), []string{listed}) {
				t.Errorf("sent %q mentions %v", content.Text, content.Context.GetMentionedJID())
			}
			came := r.Message(bob.Number(), theirs.String(), fmt.Sprintf(
				`{"extendedTextMessage":{"text":"@%s bakes","contextInfo":{"mentionedJID":[%q]}}}`, user, listed), "")
			got := ask[shape.Message](r, "getMessageById", "false_"+theirs.String()+"_"+came.Info.ID)
			for what, m := range map[string]shape.Message{"sent": sent, "received": got} {
				if m.Body != "@"+user+" bakes" || !slices.Equal(m.MentionedIDs, []string{"15550000002@c.us"}) ||
					!slices.Equal(m.Data.MentionedLIDs, []string{bob.LID().User + "@lid"}) {
					t.Errorf("%s: %q with %v, %v", what, m.Body, m.MentionedIDs, m.Data.MentionedLIDs)
				}
			}
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
