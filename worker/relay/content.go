package relay

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// maxText is the longest text that WhatsApp's own clients send, in characters.
const maxText = 65536

// kindContent is MessageContent; the functions get a content.
var kindContent = kind{"string|object|array", readContent}

func readContent(raw json.RawMessage, path string) (any, error) {
	switch value.Kind(raw) {
	case "string":
		t, err := readText(raw, path)
		if err != nil {
			return nil, err
		}
		return text(t.(string)), nil
	case "object", "array":
		return readTagged(raw, path)
	}
	return nil, bad(path, "expected text or a tagged object, got %s", value.Kind(raw))
}

func readText(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	switch {
	case err != nil:
		return nil, err
	case strings.TrimSpace(text) == "":
		return nil, bad(path, "expected text that is not empty")
	case utf8.RuneCountInString(text) > maxText:
		return nil, bad(path, "expected at most %d characters", maxText)
	}
	return text, nil
}

// notSent answers for contents that whatsapp-web.js knows and this build does not send.
func notSent(path, what string) error {
	return fault.New(fault.Unimplemented, op, "%s: this build does not send %s", path, what)
}

// contentName names a kind of content by its tag or, as callers of old leave
// the tag out, by its fields.
func contentName(raw json.RawMessage) string {
	switch tag := value.TypeTag(raw); tag {
	case "MessageMedia", "Location", "Poll", "ScheduledEvent", "Contact", "Buttons", "List":
		return tag
	}
	var people struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &people) == nil && value.Kind(people.ID) == "object" {
		return "Contact"
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return "this object"
	}
	for _, known := range []struct{ field, name string }{
		{"mimetype", "MessageMedia"}, {"latitude", "Location"}, {"pollName", "Poll"},
		{"startTimeTs", "ScheduledEvent"}, {"buttons", "Buttons"}, {"sections", "List"}, {"url", "MessageMedia"},
	} {
		if _, ok := fields[known.field]; ok {
			return known.name
		}
	}
	return "this object"
}

// sendOptions are the MessageSendOptions.
type sendOptions struct {
	QuotedMessageID   json.RawMessage `json:"quotedMessageId"`
	Mentions          json.RawMessage `json:"mentions"`
	GroupMentions     []groupMention  `json:"groupMentions"`
	SendSeen          *bool           `json:"sendSeen"`
	LinkPreview       *bool           `json:"linkPreview"`
	ParseVCards       *bool           `json:"parseVCards"`
	IgnoreQuoteErrors *bool           `json:"ignoreQuoteErrors"`
	Media             json.RawMessage `json:"media"`
	Extra             json.RawMessage `json:"extra"`
	InvokedBotWid     json.RawMessage `json:"invokedBotWid"`
	mediaOptions

	media    *messageMedia
	quoted   *shape.MessageID
	mentions []types.JID
}

type groupMention struct {
	Subject string    `json:"subject"`
	ID      types.JID `json:"id"`
}

var kindSendOptions = kindObject("object", (*sendOptions).check)

// check reads the options that come in several forms.
func (o *sendOptions) check(path string) error {
	for _, other := range []struct {
		raw  json.RawMessage
		name string
	}{{o.Extra, "extra"}, {o.InvokedBotWid, "invokedBotWid"}} {
		if !isNull(other.raw) {
			return notSent(path, "options."+other.name)
		}
	}
	if !isNull(o.Media) {
		o.media = &messageMedia{}
		if err := o.media.read(o.Media, path+".media"); err != nil {
			return err
		}
		o.Media = nil
	}
	if utf8.RuneCountInString(o.Caption) > maxText {
		return bad(path+".caption", "expected at most %d characters", maxText)
	}
	if !isNull(o.QuotedMessageID) {
		id, err := readMsgID(o.QuotedMessageID, path+".quotedMessageId")
		if err != nil {
			return err
		}
		quoted := id.(shape.MessageID)
		o.quoted = &quoted
	}
	return o.readMentions(path + ".mentions")
}

// readMentions takes one or several people, as ids or as contacts.
func (o *sendOptions) readMentions(path string) error {
	if isNull(o.Mentions) {
		return nil
	}
	list := []json.RawMessage{o.Mentions}
	if value.Kind(o.Mentions) == "array" {
		if err := json.Unmarshal(o.Mentions, &list); err != nil {
			return bad(path, "expected an array of ids")
		}
	}
	for i, raw := range list {
		jid, err := readUserID(raw, fmt.Sprintf("%s[%d]", path, i))
		if err != nil {
			return err
		}
		o.mentions = append(o.mentions, jid.(types.JID))
	}
	return nil
}

// unset tells whether an option that is on by default was switched off.
func unset(option *bool) bool { return option != nil && !*option }
