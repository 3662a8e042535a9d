package wwebjs

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

// TestGroupsKnowTheirMembersByHiddenId: in a group that uses hidden ids, quotes
// and reactions must name the author as its members know them.
func TestGroupsKnowTheirMembersByHiddenId(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	created := ask[struct{ JID types.JID }](r, "whatsmeow.CreateGroup", map[string]any{"name": "Holiday", "participants": []string{"15550000002@c.us"}})
	group := created.JID
	await(r, "group", func(e *events.JoinedGroup) bool { return e.JID == group })

	id, err := bob.Phone().SendText(r.Ctx, group, "where to?")
	if err != nil {
		t.Fatal(err)
	}
	// The key of the group comes as a message of the same id before it.
	await(r, "group message", func(m *events.Message) bool { return m.Info.ID == id && m.Message.GetConversation() != "" })
	newest := ask[[]shape.Message](r, "Chat.fetchMessages", group.String(), map[string]any{"limit": 1})
	if len(newest) != 1 || newest[0].ID.ID != id || newest[0].Author != "15550000002@c.us" {
		t.Fatalf("newest: %+v", newest)
	}
	question := newest[0].ID.Serialized

	answer := ask[shape.Message](r, "Message.reply", question, "to the sea")
	got := r.Received(bob, "to the sea")
	context := got.Message.GetExtendedTextMessage().GetContextInfo()
	if got.Chat != group || context.GetStanzaID() != id || context.GetParticipant() != bob.LID().String() {
		t.Errorf("reply in %s quotes %s by %s", got.Chat, context.GetStanzaID(), context.GetParticipant())
	}
	if context.GetQuotedMessage().GetConversation() != "where to?" || context.RemoteJID != nil {
		t.Errorf("quoted: %v", context)
	}
	if answer.ID.Remote != group.String() || answer.Author != "15550000001@c.us" || !strings.HasSuffix(answer.ID.Serialized, "_15550000001@c.us") {
		t.Errorf("answer %+v by %s", answer.ID, answer.Author)
	}

	ask[any](r, "sendReaction", question, "🌊")
	key := r.Received(bob, "🌊").Message.GetReactionMessage().GetKey()
	if key.GetID() != id || key.GetParticipant() != bob.LID().String() || key.GetFromMe() {
		t.Errorf("reaction to %v", key)
	}
	if chat := ask[shape.Chat](r, "getChatById", group.String()); !chat.IsGroup || chat.GroupMetadata == nil || chat.Name != "Holiday" || chat.UnreadCount != 0 {
		t.Errorf("chat %+v", chat)
	}

	// A quote that crosses chats says where it is from.
	ask[shape.Message](r, "Message.reply", question, "asked in the group", "15550000002@c.us")
	crossed := r.Received(bob, "asked in the group").Message.GetExtendedTextMessage().GetContextInfo()
	if crossed.GetRemoteJID() != group.String() {
		t.Errorf("remote of the crossing quote: %s", crossed.GetRemoteJID())
	}
	seen := await(r, "our receipt", func(e *events.Receipt) bool { return e.MessageIDs[0] == answer.ID.ID })
	if seen.Chat != group {
		t.Errorf("receipt from %s", seen.Chat)
	}
}
