package relay

import (
	"context"
	"encoding/json"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// groupNoticeRows are the methods of whatsapp-web.js' GroupNotification. The
// notification itself comes first, as the event brought it: notifications are
// events and not kept under an id.
var groupNoticeRows = []row{
	{name: "GroupNotification.getChat", class: "GroupNotification", result: "GroupChat", need: needData, params: noticeOnly, example: noticeExample,
		doc: "Returns the group that this notification is about.",
		do: func(ctx context.Context, c *call) (any, error) {
			c.args[0] = arg[notice](c, 0).chat
			return getChatByID(ctx, c)
		}},
	{name: "GroupNotification.getContact", class: "GroupNotification", result: "Contact", need: needData, params: noticeOnly, example: noticeExample,
		doc: "Returns who did what this notification tells; null when that is not known.",
		do: func(ctx context.Context, c *call) (any, error) {
			author := arg[notice](c, 0).author
			if author.IsEmpty() {
				return nil, nil
			}
			return c.Mirror.Contact(ctx, shape.ID(author))
		}},
	{name: "GroupNotification.getRecipients", class: "GroupNotification", result: "Contact[]", need: needData, params: noticeOnly, example: noticeExample,
		doc: "Lists those to whom it happened.",
		do: func(ctx context.Context, c *call) (any, error) {
			people := []shape.Contact{}
			for _, jid := range arg[notice](c, 0).recipients {
				contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
				if err != nil {
					return nil, err
				}
				people = append(people, contact)
			}
			return people, nil
		}},
	{name: "GroupNotification.reply", class: "GroupNotification", result: "Message", need: needOnline, sends: true,
		params:  []param{noticeOnly[0], {name: "content", kind: kindContent}, {name: "options", kind: kindSendOptions, optional: true, doc: "as sendMessage"}},
		example: `[{"chatId":"120363000000000000@g.us","author":"4915123456789@c.us","recipientIds":[]},"Welcome!"]`,
		doc:     "Writes to the group of this notification; quotes nothing.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.sendContent(ctx, arg[notice](c, 0).chat, arg[content](c, 1), arg[sendOptions](c, 2))
		}},
}

var (
	noticeOnly    = []param{{name: "notification", kind: kindObject("GroupNotification", (*notice).check), doc: "as the event brought it; chatId, author and recipientIds are read"}}
	noticeExample = `[{"chatId":"120363000000000000@g.us","author":"4915123456789@c.us","recipientIds":["4915198765432@c.us"]}]`
)

// notice is what is read of a GroupNotification.
type notice struct {
	ChatID       json.RawMessage   `json:"chatId"`
	Author       json.RawMessage   `json:"author"`
	RecipientIDs []json.RawMessage `json:"recipientIds"`

	chat, author types.JID
	recipients   []types.JID
}

func (n *notice) check(path string) error {
	chat, err := readGroupID(n.ChatID, path+".chatId")
	if err != nil {
		return err
	}
	n.chat = chat.(types.JID)
	if text, err := value.Text(n.Author, path+".author"); !isNull(n.Author) && (err != nil || text != "") {
		author, err := readUserID(n.Author, path+".author")
		if err != nil {
			return err
		}
		n.author = author.(types.JID)
	}
	for _, raw := range n.RecipientIDs {
		jid, err := readUserID(raw, path+".recipientIds")
		if err != nil {
			return err
		}
		n.recipients = append(n.recipients, jid.(types.JID))
	}
	return nil
}
