package group

import (
	"context"
	"encoding/json"
	"errors"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// groupNoticeRows are the methods of whatsapp-web.js' GroupNotification. The
// notification itself comes first, as the event brought it: notifications are
// events and not kept under an id.
var groupNoticeRows = []relay.Row{
	{
		Name: "GroupNotification.getChat", Result: "GroupChat", Need: relay.NeedData,
		Params: noticeOnly, Example: noticeExample,
		Doc: "Returns the group that this notification is about.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			chat, err := c.Mirror.Chat(ctx, shape.ID(relay.Arg[notice](c, 0).chat))
			if errors.Is(err, mirror.ErrNotFound) {
				return nil, fault.New(fault.NotFound, relay.Op, "this chat is not known")
			}
			return chat, err
		},
	},
	{
		Name: "GroupNotification.getContact", Result: "Contact", Need: relay.NeedData,
		Params: noticeOnly, Example: noticeExample,
		Doc: "Returns who did what this notification tells; null when that is not known.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			author := relay.Arg[notice](c, 0).author
			if author.IsEmpty() {
				return nil, nil
			}
			return c.Mirror.Contact(ctx, shape.ID(author))
		},
	},
	{
		Name: "GroupNotification.getRecipients", Result: "Contact[]", Need: relay.NeedData,
		Params: noticeOnly, Example: noticeExample,
		Doc: "Lists those to whom it happened.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			people := []shape.Contact{}
			for _, jid := range relay.Arg[notice](c, 0).recipients {
				contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
				if err != nil {
					return nil, err
				}
				people = append(people, contact)
			}
			return people, nil
		},
	},
	{
		Name: "GroupNotification.reply", Result: "Message", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			noticeOnly[0],
			{Name: "content", Kind: content.Kind},
			{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "as sendMessage"},
		},
		Example: `[{"chatId":"120363000000000000@g.us","author":"4915123456789@c.us","recipientIds":[]},"Welcome!"]`,
		Doc:     "Writes to the group of this notification; quotes nothing.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			what, options := relay.Arg[content.Content](c, 1), relay.Arg[content.Options](c, 2)
			return content.Send(ctx, c, relay.Arg[notice](c, 0).chat, what, options)
		},
	},
}

var (
	noticeOnly = []param.Param{
		{
			Name: "notification", Kind: param.Object("GroupNotification", (*notice).check),
			Doc: "as the event brought it; chatId, author and recipientIds are read",
		},
	}
	noticeExample = `[{"chatId":"120363000000000000@g.us","author":"4915123456789@c.us","recipientIds":["4915198765432@c.us"]}]`
)

// notice is the part of a GroupNotification that is read.
type notice struct {
	ChatID       json.RawMessage   `json:"chatId"`
	Author       json.RawMessage   `json:"author"`
	RecipientIDs []json.RawMessage `json:"recipientIds"`

	chat, author types.JID
	recipients   []types.JID
}

func (n *notice) check(path string) error {
	chat, err := param.GroupID.Read(n.ChatID, path+".chatId")
	if err != nil {
		return err
	}
	n.chat = chat.(types.JID)
	if text, err := value.Text(n.Author, path+".author"); !param.IsNull(n.Author) && (err != nil || text != "") {
		author, err := param.UserID.Read(n.Author, path+".author")
		if err != nil {
			return err
		}
		n.author = author.(types.JID)
	}
	for _, raw := range n.RecipientIDs {
		jid, err := param.UserID.Read(raw, path+".recipientIds")
		if err != nil {
			return err
		}
		n.recipients = append(n.recipients, jid.(types.JID))
	}
	return nil
}
