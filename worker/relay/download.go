package relay

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
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
	record, err := c.FindMessage(ctx, id)
	if err != nil {
		return media.Attachment{}, err
	}
	return c.Files.Open(ctx, c.Client, FileOf(record, part))
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
