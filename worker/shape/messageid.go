package shape

import (
	"fmt"
	"strings"
)

// MessageID is the id object of a message.
type MessageID struct {
	FromMe      bool   `json:"fromMe"`
	Remote      string `json:"remote"` // chat
	ID          string `json:"id"`     // WhatsApp's id
	Participant string `json:"participant,omitempty"`
	Self        string `json:"self,omitempty"` // in or out, in the chat with oneself
	Serialized  string `json:"_serialized"`
}

// NewMessageID builds the id of a message. chat and sender are canonical serialised ids,
// me is our own. The sender becomes part of the id in groups and in the status list only.
func NewMessageID(fromMe bool, chat, id, sender, me string) MessageID {
	m := MessageID{FromMe: fromMe, Remote: chat, ID: clip(id)}
	m.Serialized = fmt.Sprintf("%t_%s_%s", fromMe, chat, m.ID)
	switch {
	case hasAuthors(chat) && sender != "":
		m.Participant = sender
		m.Serialized += "_" + sender
	case chat == me && me != "":
		m.Self = "in"
		if fromMe {
			m.Self = "out"
		}
		m.Serialized += "_" + m.Self
	}
	return m
}

// CleanMessageID returns WhatsApp's message id in the form that ids and tables use.
func CleanMessageID(id string) string { return clip(id) }

// ParseMessageID takes a serialised message id apart: three parts, or four
// with the author (or in/out for the chat with oneself).
func ParseMessageID(serialized string) (MessageID, error) {
	parts := strings.Split(serialized, "_")
	if len(parts) != 3 && len(parts) != 4 {
		return MessageID{}, fmt.Errorf("parse message id: want 3 or 4 parts between underscores, got %d", len(parts))
	}
	if parts[0] != "true" && parts[0] != "false" {
		return MessageID{}, fmt.Errorf("parse message id: first part must be true or false")
	}
	if !strings.Contains(parts[1], "@") {
		return MessageID{}, fmt.Errorf("parse message id: second part must be a chat id")
	}
	if parts[2] == "" {
		return MessageID{}, fmt.Errorf("parse message id: third part is empty")
	}
	m := MessageID{FromMe: parts[0] == "true", Remote: parts[1], ID: parts[2], Serialized: serialized}
	if len(parts) == 4 {
		if parts[3] == "in" || parts[3] == "out" {
			m.Self = parts[3]
		} else {
			m.Participant = parts[3]
		}
	}
	return m, nil
}

// DeviceType guesses from the form of a message id what kind of device wrote it.
func DeviceType(id string) string {
	switch {
	case len(id) > 25:
		return "android"
	case strings.HasPrefix(id, "3A"):
		return "ios"
	default:
		return "web"
	}
}
