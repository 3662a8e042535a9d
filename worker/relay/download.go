package relay

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
)

// Download gets the file of a message, from WhatsApp or, when WhatsApp no longer
// has it, once more from the phone. Errors are *fault.Error: NotFound when there
// is no such message or no file any more, TooLarge, Unpaired, Offline, Invalid.
func (t *Table) Download(ctx context.Context, messageID string) (media.Attachment, error) {
	found, err := t.download(ctx, messageID)
	if err != nil {
		return media.Attachment{}, toFault(err)
	}
	return found, nil
}

func (t *Table) download(ctx context.Context, messageID string) (media.Attachment, error) {
	c := &Call{Deps: &t.deps, table: t}
	id, err := param.ParseMessageID(messageID, "messageId")
	if err != nil {
		return media.Attachment{}, err
	}
	if err = c.Require(NeedOnline); err != nil {
		return media.Attachment{}, err
	}
	record, err := c.FindMessage(ctx, id)
	if err != nil {
		return media.Attachment{}, err
	}
	return c.Files.Open(ctx, c.Client, FileOf(record))
}

// FileOf names a message to download its file.
func FileOf(r mirror.Record) media.Source {
	return media.Source{Key: r.Shape.ID.Serialized, Raw: r.Raw, Info: types.MessageInfo{
		ID: r.ID,
		MessageSource: types.MessageSource{
			Chat: r.Chat, Sender: r.Sender, IsFromMe: r.FromMe, IsGroup: r.Chat.Server == types.GroupServer,
		},
	}}
}
