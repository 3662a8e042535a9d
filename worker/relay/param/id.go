package param

import (
	"encoding/json"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/phone"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// Kinds of ids. All but MessageID have a types.JID as their value.
var (
	// ChatID is the id of anything that can be a chat.
	ChatID = idOf("a chat, like 4915123456789@c.us or 120363000000000000@g.us",
		types.DefaultUserServer, types.HiddenUserServer, types.GroupServer,
		types.NewsletterServer, types.BroadcastServer, types.BotServer)
	// UserID is the id of a person: a phone number, or a hidden id.
	UserID = idOf("a person, like 4915123456789@c.us", types.DefaultUserServer, types.HiddenUserServer)
	// GroupID is the id of a group.
	GroupID = idOf("a group, like 120363000000000000@g.us", types.GroupServer)
	// ChannelID is the id of a channel.
	ChannelID = idOf("a channel, like 120363000000000000@newsletter", types.NewsletterServer)
	// Phone is a phone number in international form, as people write it, or the id of a person.
	Phone = Kind{"string", readPhone}
	// MessageID is the id of a message; its value is a shape.MessageID.
	MessageID = Kind{"messageId", readMessageID}
	// People is one id of a person or an array of them; its value is a []any of types.JID.
	People = Kind{"jid|jid[]", readPeople}
)

// idOf is the kind of ids that lie on one of the servers.
func idOf(what string, servers ...string) Kind {
	return Kind{"jid", func(raw json.RawMessage, path string) (any, error) {
		jid, err := value.JID(raw, path)
		if err != nil {
			var linked bool
			if jid, linked = personOfLink(raw); !linked {
				if what := otherLink(raw); what != "" {
					return nil, Bad(path, "expected an id, and this is %s", what)
				}
				return nil, err
			}
		}
		if !slices.Contains(servers, jid.Server) {
			return nil, Bad(path, "expected the id of %s", what)
		}
		return jid.ToNonAD(), nil
	}}
}

// personOfLink reads wa.me/NUMBER, which stands for the person.
func personOfLink(raw json.RawMessage) (types.JID, bool) {
	text, err := value.Text(raw, "")
	if err != nil {
		return types.EmptyJID, false
	}
	to, number, ok := ParseLink(text)
	if !ok || to != ToPerson {
		return types.EmptyJID, false
	}
	number, err = phone.Digits(number)
	return types.NewJID(number, types.DefaultUserServer), err == nil
}

// otherLink says what a link is that stands for no id; empty for any other text.
func otherLink(raw json.RawMessage) string {
	text, err := value.Text(raw, "")
	if err != nil {
		return ""
	}
	to, _, _ := ParseLink(text)
	return wayOut[to]
}

func readPhone(raw json.RawMessage, path string) (any, error) {
	text, err := value.Text(raw, path)
	if err != nil {
		return nil, Bad(path, "expected a phone number or an id, got %s", value.Kind(raw))
	}
	if strings.Contains(text, "@") {
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		return UserID.Read(quoted, path)
	}
	if jid, ok := personOfLink(raw); ok {
		return jid, nil
	}
	if what := otherLink(raw); what != "" {
		return nil, Bad(path, "expected a phone number or an id, and this is %s", what)
	}
	digits, err := phone.Digits(text)
	if err != nil {
		const form = "expected a phone number with country code, like %s, or an id like %s@c.us"
		return nil, Bad(path, form, phone.Example, phone.Example)
	}
	return types.NewJID(digits, types.DefaultUserServer), nil
}

func readMessageID(raw json.RawMessage, path string) (any, error) {
	text, err := value.Text(raw, path)
	if err != nil {
		return nil, Bad(path, "expected a message id, got %s", value.Kind(raw))
	}
	return ParseMessageID(text, path)
}

// ParseMessageID reads the id of a message as whatsapp-web.js writes it. Path
// names the place in errors.
func ParseMessageID(text, path string) (shape.MessageID, error) {
	id, err := shape.ParseMessageID(text)
	if err != nil || len(text) > 300 || strings.IndexByte(text, 0) >= 0 {
		return shape.MessageID{}, Bad(path, "expected a message id like true_4915123456789@c.us_3EB0C431C26A1916E07E")
	}
	if _, err := value.ParseJID(id.Remote); err != nil {
		return shape.MessageID{}, Bad(path, "expected a message id whose second part is the id of a chat")
	}
	return id, nil
}

func readPeople(raw json.RawMessage, path string) (any, error) {
	if value.Kind(raw) == "array" {
		return ListOf(UserID).Read(raw, path)
	}
	jid, err := UserID.Read(raw, path)
	return []any{jid}, err
}
