package content

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// Compose builds a message of text. Plain text without context stays the plainest
// form, which every old client shows.
func Compose(text string, options Options, info *waE2E.ContextInfo) *waE2E.Message {
	if strings.HasPrefix(text, "BEGIN:VCARD") && !param.SwitchedOff(options.ParseVCards) {
		return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{
			DisplayName: proto.String(vcardName(text)), Vcard: proto.String(text), ContextInfo: info,
		}}
	}
	if info == nil {
		return &waE2E.Message{Conversation: proto.String(text)}
	}
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(text), ContextInfo: info}}
}

// vcardName returns the formatted name of a vCard.
func vcardName(vcard string) string {
	for line := range strings.Lines(vcard) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && strings.EqualFold(strings.SplitN(name, ";", 2)[0], "FN") {
			return text
		}
	}
	return ""
}

// Context gathers the quote and the mentions; nil when there are none. The chat's timer
// is added to whatever is sent.
func Context(ctx context.Context, c *relay.Call, to types.JID, options Options) (*waE2E.ContextInfo, error) {
	info := &waE2E.ContextInfo{}
	group, _ := c.Group(ctx, to)
	if options.Quoted != nil {
		if err := quote(ctx, c, info, to, group, options); err != nil {
			return nil, err
		}
	}
	for _, jid := range options.mentions {
		info.MentionedJID = append(info.MentionedJID, jid.String())
	}
	for _, mention := range options.GroupMentions {
		info.GroupMentions = append(info.GroupMentions, &waE2E.GroupMention{
			GroupJID: proto.String(mention.ID.String()), GroupSubject: proto.String(mention.Subject),
		})
	}
	if proto.Size(info) == 0 {
		return nil, nil
	}
	return info, nil
}

// quote refers to an earlier message and repeats it, as phones expect. A message
// that the mirror does not have is left out; it is an error where the caller wants that.
func quote(
	ctx context.Context, c *relay.Call, info *waE2E.ContextInfo, to types.JID, group *shape.GroupMetadata, options Options,
) error {
	record, err := c.Mirror.Message(ctx, options.Quoted.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		if param.SwitchedOff(options.IgnoreQuoteErrors) {
			return fault.New(fault.NotFound, relay.Op, "the quoted message is not known")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read quoted message: %w", err)
	}
	info.StanzaID = proto.String(record.ID)
	info.Participant = proto.String(c.MemberForm(ctx, group, record.Sender).String())
	info.QuotedMessage = quotable(record)
	if record.Chat != to {
		info.RemoteJID = proto.String(record.Chat.String())
	}
	return nil
}

// quotable is the quoted message without its own quote, so that quotes do not grow
// with every reply.
func quotable(record mirror.Record) *waE2E.Message {
	if record.Raw == nil {
		return &waE2E.Message{Conversation: proto.String(record.Shape.Body)}
	}
	return message.Bare(record.Raw)
}
