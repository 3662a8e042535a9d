package relay

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// clientRows are the methods of whatsapp-web.js' Client.
var clientRows = []row{
	{
		name: "sendMessage", class: "Client", result: "Message", need: needOnline, sends: true,
		params: []param{
			{name: "chatId", kind: kindChatID},
			{name: "content", kind: kindContent, doc: "text, a MessageMedia ({mimetype, data: base64, filename} or {url}), a tagged Location, Poll or Contact, or an array of Contacts; a text that starts with BEGIN:VCARD is sent as a contact"},
			{name: "options", kind: kindSendOptions, optional: true, doc: "quotedMessageId, mentions, groupMentions, sendSeen (true), parseVCards (true), ignoreQuoteErrors (true); of media: caption, sendAudioAsVoice, sendVideoAsGif, sendMediaAsSticker, sendMediaAsDocument, sendMediaAsHd, isViewOnce"},
		},
		doc:     "Sends a message to a chat and returns it once WhatsApp has it.",
		example: `["4915123456789@c.us","Hello"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			return c.sendContent(ctx, arg[types.JID](c, 0), arg[content](c, 1), arg[sendOptions](c, 2))
		},
	},
	{
		name: "sendReaction", class: "Client", result: "void", need: needOnline, sends: true,
		params:  reactParams,
		doc:     "Reacts to a message; an empty reaction takes it back.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","👍"]`,
		do:      react,
	},
	{
		name: "sendSeen", class: "Client", result: "boolean", need: needOnline,
		params:  []param{{name: "chatId", kind: kindChatID}},
		doc:     "Marks a chat as read and tells the senders; false for a chat that is not known.",
		example: `["4915123456789@c.us"]`,
		do:      sendSeen,
	},
	{
		name: "getState", class: "Client", result: "WAState|null", getter: true,
		doc: "Returns the state of the connection: CONNECTED, OPENING, UNPAIRED, …",
		do: func(_ context.Context, c *call) (any, error) {
			if state := c.Link().GetWaState(); state != "" {
				return state, nil
			}
			return nil, nil
		},
	},
	{
		name: "getInfo", class: "Client", result: "ClientInfo", need: needPaired, getter: true,
		doc: "Returns the account: its id, push name and platform.",
		do:  getInfo,
	},
	{
		name: "info", class: "Client", result: "ClientInfo", need: needPaired, getter: true,
		doc: "Returns the account: its id, push name and platform.",
		do:  getInfo,
	},
	{
		name: "getWWebVersion", class: "Client", result: "string", getter: true,
		doc: "Returns the version of WhatsApp Web that is announced to WhatsApp.",
		do:  func(context.Context, *call) (any, error) { return store.GetWAVersion().String(), nil },
	},
	{
		name: "getChats", class: "Client", result: "Chat[]", need: needData, getter: true,
		doc: "Lists all chats, pinned ones first, then the newest.",
		do: func(ctx context.Context, c *call) (any, error) {
			return list(c.Mirror.Chats(ctx))
		},
	},
	{
		name: "getChatById", class: "Client", result: "Chat|GroupChat", need: needData,
		params:  []param{{name: "chatId", kind: kindChatID}},
		doc:     "Returns one chat; for a person without one an empty chat, when the number is on WhatsApp.",
		example: `["4915123456789@c.us"]`,
		do:      getChatByID,
	},
	{
		name: "getContacts", class: "Client", result: "Contact[]", need: needData, getter: true,
		doc: "Lists all people and groups the account knows, itself included.",
		do: func(ctx context.Context, c *call) (any, error) {
			return list(c.Mirror.Contacts(ctx))
		},
	},
	{
		name: "getContactById", class: "Client", result: "Contact", need: needData,
		params:  []param{{name: "contactId", kind: kindChatID}},
		doc:     "Returns one contact; a valid id that is not known gives a contact without names.",
		example: `["4915123456789@c.us"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			return c.Mirror.Contact(ctx, shape.ID(arg[types.JID](c, 0)))
		},
	},
	{
		name: "getMessageById", class: "Client", result: "Message|null", need: needData,
		params:  []param{{name: "messageId", kind: kindMsgID}},
		doc:     "Returns one message, or null when it is not known.",
		example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			record, err := c.Mirror.Message(ctx, arg[shape.MessageID](c, 0).Serialized)
			if errors.Is(err, mirror.ErrNotFound) {
				return nil, nil
			}
			return record.Shape, err
		},
	},
	{
		name: "isRegisteredUser", class: "Client", result: "boolean", need: needOnline,
		params:  []param{{name: "id", kind: kindPhone}},
		doc:     "Tells whether a phone number is on WhatsApp.",
		example: `["4915123456789@c.us"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			found, err := c.onWhatsApp(ctx, arg[types.JID](c, 0))
			return found != nil, err
		},
	},
	{
		name: "getNumberId", class: "Client", result: "ContactId|null", need: needOnline,
		params:  []param{{name: "number", kind: kindPhone}},
		doc:     "Returns the id of a phone number, or null when it is not on WhatsApp.",
		example: `["+49 151 23456789"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			found, err := c.onWhatsApp(ctx, arg[types.JID](c, 0))
			if found == nil || err != nil {
				return nil, err
			}
			return shape.NewWid(shape.ID(*found)), nil
		},
	},
	{
		name: "logout", class: "Client", result: "void", need: needPaired,
		doc: "Ends the pairing with the phone and forgets the keys.",
		do: func(ctx context.Context, c *call) (any, error) {
			return nil, c.Logout(ctx)
		},
	},
}

// list keeps an empty answer an array.
func list[T any](all []T, err error) (any, error) {
	if all == nil {
		all = []T{}
	}
	return all, err
}

func getInfo(_ context.Context, c *call) (any, error) {
	account := c.account()
	return shape.NewClientInfo(account.ID(), account.PushName, account.Platform), nil
}

// onWhatsApp asks for a number and returns its canonical id, nil when it is not
// registered. A hidden id is asked by its phone number, where that is known.
func (c *call) onWhatsApp(ctx context.Context, jid types.JID) (*types.JID, error) {
	if jid.Server == types.HiddenUserServer {
		number, err := c.cli.Store.LIDs.GetPNForLID(ctx, jid)
		if err != nil {
			return nil, fmt.Errorf("find number of hidden id: %w", err)
		}
		if number.IsEmpty() {
			return nil, bad("params[0]", "the phone number behind this hidden id is not known, so it cannot be checked")
		}
		jid = number
	}
	answers, err := c.cli.IsOnWhatsApp(ctx, []string{"+" + jid.User})
	if err != nil {
		return nil, err
	}
	for _, answer := range answers {
		if !answer.IsIn {
			continue
		}
		switch {
		case answer.PhoneNumber.Server == types.DefaultUserServer:
			jid = answer.PhoneNumber.ToNonAD()
		case answer.JID.Server == types.DefaultUserServer:
			jid = answer.JID.ToNonAD()
		}
		return &jid, nil
	}
	return nil, nil
}

// getChatByID invents an empty chat for a person without one, as upstream does,
// but only for numbers that WhatsApp knows.
func getChatByID(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if !errors.Is(err, mirror.ErrNotFound) {
		return chat, err
	}
	if jid.Server != types.DefaultUserServer {
		return nil, fault.New(fault.NotFound, op, "this chat is not known")
	}
	if err := c.ready(c.cli, needOnline); err != nil {
		return nil, err
	}
	found, err := c.onWhatsApp(ctx, jid)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.New(fault.NotFound, op, "this number is not on WhatsApp")
	}
	contact, err := c.Mirror.Contact(ctx, shape.ID(*found))
	if err != nil {
		return nil, err
	}
	return shape.Chat{ID: contact.ID, Name: contactName(contact)}, nil
}

func contactName(contact shape.Contact) string {
	for _, name := range []string{contact.Name, contact.Pushname} {
		if name != "" {
			return name
		}
	}
	return shape.FormatNumber(contact.ID.Serialized)
}
