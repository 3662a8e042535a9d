package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// sendContent sends as whatsapp-web.js' sendMessage does: the chat is
// marked as read first unless sendSeen is false, the quoted message is looked
// up, mentions are put where phones look for them.
func (c *call) sendContent(ctx context.Context, to types.JID, what content, options sendOptions) (any, error) {
	if sent, ok, err := c.alreadySent(ctx); err != nil {
		return nil, unsent(err)
	} else if ok {
		return sent.Shape, nil
	}
	info, err := c.contextInfo(ctx, to, options)
	if err != nil {
		return nil, unsent(err)
	}
	c.public = to.Server == types.NewsletterServer
	if !unset(options.SendSeen) && !c.public {
		if _, err := c.markSeen(ctx, to); err != nil {
			// The message matters more than the blue ticks.
			c.Log.Warn().Err(err).Msg("chat could not be marked as read before sending")
		}
	}
	if options.media != nil { // the content is its caption then
		if caption, ok := what.(text); ok {
			options.Caption = string(caption)
		}
		what = options.media
	}
	msg, err := what.message(ctx, c, options, info)
	if err != nil {
		return nil, unsent(err)
	}
	return c.send(ctx, to, msg)
}

// compose builds the message. Plain text without context stays the plainest
// form, which every old client shows.
func compose(text string, options sendOptions, info *waE2E.ContextInfo) *waE2E.Message {
	if strings.HasPrefix(text, "BEGIN:VCARD") && !unset(options.ParseVCards) {
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

// contextInfo gathers quote, mentions and the chat's timer; nil when there is
// none of it.
func (c *call) contextInfo(ctx context.Context, to types.JID, options sendOptions) (*waE2E.ContextInfo, error) {
	info := &waE2E.ContextInfo{}
	group, _ := c.group(ctx, to)
	if options.quoted != nil {
		if err := c.quote(ctx, info, to, group, options); err != nil {
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
	if group != nil && group.EphemeralDuration > 0 {
		info.Expiration = proto.Uint32(group.EphemeralDuration)
	}
	if proto.Size(info) == 0 {
		return nil, nil
	}
	return info, nil
}

// quote refers to an earlier message and repeats it, as phones expect. A
// message that the mirror lacks is left out, or an error when the caller wants that.
func (c *call) quote(ctx context.Context, info *waE2E.ContextInfo, to types.JID, group *shape.GroupMetadata, options sendOptions) error {
	record, err := c.Mirror.Message(ctx, options.quoted.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		if unset(options.IgnoreQuoteErrors) {
			return fault.New(fault.NotFound, op, "the quoted message is not known")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read quoted message: %w", err)
	}
	info.StanzaID = proto.String(record.ID)
	info.Participant = proto.String(c.memberForm(ctx, group, record.Sender).String())
	info.QuotedMessage = quotable(record)
	if record.Chat != to {
		info.RemoteJID = proto.String(record.Chat.String())
	}
	return nil
}

// quotable is the quoted message without what it quoted itself, so that quotes
// do not grow with every reply.
func quotable(record mirror.Record) *waE2E.Message {
	if record.Raw == nil {
		return &waE2E.Message{Conversation: proto.String(record.Shape.Body)}
	}
	msg := proto.CloneOf(record.Raw)
	msg.MessageContextInfo = nil
	if text := msg.GetExtendedTextMessage(); text != nil {
		text.ContextInfo = nil
	}
	return msg
}

// wireForm is the id that a message's author had when it came. Votes, answers
// and edits are sealed with it, and what came under a hidden id is answered
// under our own.
func (c *call) wireForm(ctx context.Context, r mirror.Record) types.JID {
	group, _ := c.group(ctx, r.Chat)
	form := c.memberForm(ctx, group, r.Sender)
	if r.FromMe {
		return form
	}
	if secret, author, err := c.cli.Store.MsgSecrets.GetMessageSecret(ctx, r.Chat, form, r.ID); err == nil && secret != nil && !author.IsEmpty() {
		return author.ToNonAD()
	}
	return form
}

// memberForm returns a person's address in the form that a group's members
// know: the hidden one in groups that use it.
func (c *call) memberForm(ctx context.Context, group *shape.GroupMetadata, jid types.JID) types.JID {
	if group == nil || !group.IsLIDAddressingMode || jid.Server != types.DefaultUserServer {
		return jid
	}
	if lid, err := c.cli.Store.LIDs.GetLIDForPN(ctx, jid); err == nil && !lid.IsEmpty() {
		return lid.ToNonAD()
	}
	return jid
}
