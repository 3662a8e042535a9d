package relay

import (
	"context"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// Download gets the file of a message, or of a part of it ("": the message itself), from
// WhatsApp or, when WhatsApp no longer has it, once more from the phone. Errors are
// *fault.Error: NotFound when there is no such message or no file any more, TooLarge,
// Unpaired, Offline, Invalid.
func (t *Table) Download(ctx context.Context, messageID, part string) (media.Attachment, error) {
	found, err := t.download(ctx, messageID, part)
	if err != nil {
		return media.Attachment{}, toFault(err)
	}
	return found, nil
}

func (t *Table) download(ctx context.Context, messageID, part string) (media.Attachment, error) {
	c := &Call{Deps: &t.deps, table: t}
	id, err := param.ParseMessageID(messageID, "messageId")
	if err != nil {
		return media.Attachment{}, err
	}
	if err = CheckPart(part, "part"); err != nil {
		return media.Attachment{}, err
	}
	if err = c.Require(NeedOnline); err != nil {
		return media.Attachment{}, err
	}
	record, err := c.FindWithFile(ctx, id)
	if err != nil {
		return media.Attachment{}, err
	}
	return c.Files.Open(ctx, c.Client, FileOf(record, part))
}

// How far back a post is looked for that is not known here.
const (
	postsPerPage = 100
	postPages    = 10
)

// FindWithFile is FindMessage for one whose file is wanted. WhatsApp keeps the posts of
// channels, and so those are looked for there that Channel.fetchMessages has shown and that
// are not known here.
func (c *Call) FindWithFile(ctx context.Context, id shape.MessageID) (mirror.Record, error) {
	known, unknown := c.FindMessage(ctx, id)
	channel, err := types.ParseJID(id.Remote)
	if !fault.Is(unknown, fault.NotFound) || err != nil || channel.Server != types.NewsletterServer {
		return known, unknown
	}
	before := 0
	for range postPages {
		posts, err := c.Client.GetNewsletterMessages(ctx, channel, &whatsmeow.GetNewsletterMessagesParams{Count: postsPerPage, Before: before})
		if err != nil {
			return mirror.Record{}, err
		}
		last := before
		for _, p := range posts {
			if p.MessageID == id.ID && p.Message != nil {
				return mirror.Record{
					ID: p.MessageID, Chat: channel, Sender: channel, Raw: p.Message, Shape: shape.Message{ID: id},
				}, nil
			}
			if before == 0 || p.MessageServerID < before {
				before = p.MessageServerID
			}
		}
		if len(posts) == 0 || before == last {
			break
		}
	}
	return mirror.Record{}, unknown
}

// CheckPart refuses what names no part of a message; "" is the message itself.
func CheckPart(part, path string) error {
	if part != "" && !message.IsPart(part) {
		return param.Bad(path, `expected "%s" or "%s0", with the number of the card`, message.PartQuoted, message.PartCard)
	}
	return nil
}

// FileOf names a message, or a part of it, to download its file.
func FileOf(r mirror.Record, part string) media.Source {
	src := media.Source{Key: r.Shape.ID.Serialized, Raw: r.Raw, Info: types.MessageInfo{
		ID: r.ID,
		MessageSource: types.MessageSource{
			Chat: r.Chat, Sender: r.Sender, IsFromMe: r.FromMe, IsGroup: r.Chat.Server == types.GroupServer,
		},
	}}
	if part != "" {
		src.Key, src.Part = src.Key+"\x00"+part, part
	}
	return src
}
