package content

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// Options are the MessageSendOptions.
type Options struct {
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
	media.Options

	media *media.MessageMedia
	// Quoted is the message that this one quotes.
	Quoted   *shape.MessageID
	mentions []types.JID
}

type groupMention struct {
	Subject string    `json:"subject"`
	ID      types.JID `json:"id"`
}

// KindOptions is the MessageSendOptions; its value is an Options.
var KindOptions = param.Object("object", (*Options).check)

// check reads the options that come in several forms.
func (o *Options) check(path string) error {
	for _, other := range []struct {
		raw  json.RawMessage
		name string
	}{{o.Extra, "extra"}, {o.InvokedBotWid, "invokedBotWid"}} {
		if !param.IsNull(other.raw) {
			return notSent(path, "options."+other.name)
		}
	}
	if !param.IsNull(o.Media) {
		o.media = &media.MessageMedia{}
		if err := o.media.Read(o.Media, path+".media"); err != nil {
			return err
		}
		o.Media = nil
	}
	if utf8.RuneCountInString(o.Caption) > maxText {
		return param.Bad(path+".caption", "expected at most %d characters", maxText)
	}
	if !param.IsNull(o.QuotedMessageID) {
		id, err := param.MessageID.Read(o.QuotedMessageID, path+".quotedMessageId")
		if err != nil {
			return err
		}
		quoted := id.(shape.MessageID)
		o.Quoted = &quoted
	}
	return o.readMentions(path + ".mentions")
}

// readMentions takes one or several people, as ids or as contacts.
func (o *Options) readMentions(path string) error {
	if param.IsNull(o.Mentions) {
		return nil
	}
	list := []json.RawMessage{o.Mentions}
	if value.Kind(o.Mentions) == "array" {
		if err := json.Unmarshal(o.Mentions, &list); err != nil {
			return param.Bad(path, "expected an array of ids")
		}
	}
	for i, raw := range list {
		jid, err := param.UserID.Read(raw, fmt.Sprintf("%s[%d]", path, i))
		if err != nil {
			return err
		}
		o.mentions = append(o.mentions, jid.(types.JID))
	}
	return nil
}
