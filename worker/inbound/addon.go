package inbound

import (
	"errors"
	"slices"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/addon"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// sealedPart is a part of a message that is sealed with the secret of an earlier one.
type sealedPart interface {
	GetEncIV() []byte
	GetEncPayload() []byte
}

// open opens a part and reads it. It returns false when that is not possible: the change
// then says that there was something unreadable. When the store of secrets is away, the
// event is translated again.
func (t *translator) open(e *events.Message, kind addon.Kind, part sealedPart, key *waCommon.MessageKey, into proto.Message) bool {
	secrets, ok := t.ids.(Secrets)
	if !ok {
		return false
	}
	plain, err := addon.Open(t.ctx, secrets, addon.Part{
		Kind: kind, Chat: t.chatForms(e.Info.MessageSource), Target: key.GetID(),
		Authors: t.authors(e.Info.MessageSource, key), Sender: t.senderForms(e.Info.MessageSource),
		IV: part.GetEncIV(), Sealed: part.GetEncPayload(),
	})
	switch {
	case t.err != nil:
		return false
	case err == nil && proto.Unmarshal(plain, into) == nil:
		t.unreadable = ""
		return true
	case err == nil, errors.Is(err, addon.ErrNoSecret), errors.Is(err, addon.ErrNoKey):
		t.unreadable = unreadableKinds[kind]
	default:
		t.err = err
	}
	return false
}

// unreadableKinds are the names of kinds for people.
var unreadableKinds = map[addon.Kind]string{
	addon.Vote: "vote", addon.Reaction: "reaction", addon.Comment: "comment", addon.EventResponse: "event_response",
	addon.EventEdit: "edit", addon.MessageEdit: "edit", addon.PollEdit: "edit", addon.PollAddOption: "edit",
}

// person returns the addresses of somebody: those that the event has, and the other form
// where it is known.
func (t *translator) person(jids ...types.JID) addon.Person {
	var all addon.Person
	add := func(jid types.JID) {
		if jid = plain(jid); jid.User != "" && !slices.Contains(all, jid) {
			all = append(all, jid)
		}
	}
	for _, jid := range jids {
		add(jid)
	}
	for _, jid := range slices.Clone(all) {
		switch {
		case jid == plain(t.acct.JID), jid == plain(t.acct.LID):
			add(t.acct.JID)
			add(t.acct.LID)
		case jid.Server == types.HiddenUserServer:
			add(t.phone(jid, types.EmptyJID))
		case jid.Server == types.DefaultUserServer:
			add(t.hidden(jid))
		}
	}
	return all
}

func (t *translator) us() addon.Person { return t.person(t.acct.JID, t.acct.LID) }

func (t *translator) senderForms(s types.MessageSource) addon.Person {
	if s.IsFromMe {
		return t.us()
	}
	return t.person(s.Sender, s.SenderAlt)
}

func (t *translator) chatForms(s types.MessageSource) addon.Person {
	switch {
	case !isPerson(s.Chat):
		return addon.Person{s.Chat}
	case s.IsFromMe:
		return t.person(s.Chat, s.RecipientAlt)
	case s.Chat.User == s.Sender.User:
		return t.person(s.Chat, s.SenderAlt)
	}
	return t.person(s.Chat)
}

// authors returns who may have written the message that a key names, the likeliest first.
// Not every key can be believed: some phones say fromMe of the other form of the sender as
// if it were another person, and keys between two may name either of them.
func (t *translator) authors(s types.MessageSource, key *waCommon.MessageKey) []addon.Person {
	sender := t.senderForms(s)
	if key.GetFromMe() {
		return []addon.Person{sender}
	}
	var authors []addon.Person
	if jid, err := types.ParseJID(key.GetParticipant()); err == nil && isPerson(jid) {
		authors = append(authors, t.person(jid))
	}
	if isPerson(s.Chat) {
		other := t.us()
		if s.IsFromMe {
			other = t.chatForms(s)
		}
		authors = append(authors, other)
	}
	return append(authors, sender)
}

func (t *translator) encReaction(e *events.Message, m *waE2E.EncReactionMessage) Op {
	key, r := m.GetTargetMessageKey(), &waE2E.ReactionMessage{}
	if key.GetID() == "" || !t.open(e, addon.Reaction, m, key, r) {
		return nil
	}
	if r.Key == nil {
		r.Key = key
	}
	return t.reaction(e, r)
}

// editKinds are the sealed edits that change a message which the mirror keeps.
var editKinds = map[waE2E.SecretEncryptedMessage_SecretEncType]addon.Kind{
	waE2E.SecretEncryptedMessage_MESSAGE_EDIT: addon.MessageEdit,
	waE2E.SecretEncryptedMessage_EVENT_EDIT:   addon.EventEdit,
	waE2E.SecretEncryptedMessage_POLL_EDIT:    addon.PollEdit,
}

func (t *translator) secretEdit(e *events.Message, m *waE2E.SecretEncryptedMessage) Op {
	key := m.GetTargetMessageKey()
	if key.GetID() == "" {
		return nil
	}
	if m.GetSecretEncType() == waE2E.SecretEncryptedMessage_POLL_ADD_OPTION {
		return t.sealedOption(e, m)
	}
	kind, known := editKinds[m.GetSecretEncType()]
	if !known {
		t.unreadable = unreadableKinds[addon.MessageEdit]
		return nil
	}
	content := &waE2E.Message{}
	if !t.open(e, kind, m, key, content) {
		return nil
	}
	var atMs int64
	if p := message.Unwrap(content).Message.GetProtocolMessage(); p.GetEditedMessage() != nil {
		content, atMs = p.GetEditedMessage(), p.GetTimestampMS()
	}
	return t.edit(e, key.GetID(), content, atMs)
}

// vote is on an earlier poll. One that cannot be read still says that this person voted.
func (t *translator) vote(e *events.Message, p *waE2E.PollUpdateMessage) Op {
	key, content := p.GetPollCreationMessageKey(), &waE2E.PollVoteMessage{}
	if key.GetID() == "" {
		return nil
	}
	read := t.open(e, addon.Vote, p.GetVote(), key, content)
	if !read && t.unreadable == "" {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	v := &Vote{
		Chat: chat, Target: shape.CleanMessageID(key.GetID()), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, Voter: t.sender(e.Info.MessageSource), Hashes: content.GetSelectedOptions(),
		AtMs: sentAt(e, p.GetSenderTimestampMS()), Unreadable: !read, Raw: &waE2E.Message{PollUpdateMessage: p},
	}
	v.TargetSender, v.TargetFromMe = t.author(e.Info.MessageSource, key)
	return v
}

// comment is a message of its own, beside the one that it comments on. One that cannot be
// read is shown as a message that cannot be read.
func (t *translator) comment(e *events.Message, m *waE2E.EncCommentMessage) Op {
	key, content := m.GetTargetMessageKey(), &waE2E.Message{}
	if key.GetID() == "" {
		return nil
	}
	if !t.open(e, addon.Comment, m, key, content) {
		if t.unreadable == "" {
			return nil
		}
		unread := t.newMessage(e.Info, nil)
		unread.Type = shape.TypeCiphertext
		return unread
	}
	if message.Unwrap(content).Message.GetCommentMessage() == nil {
		content = &waE2E.Message{CommentMessage: &waE2E.CommentMessage{Message: content, TargetMessageKey: key}}
	}
	return t.newMessage(e.Info, content)
}
