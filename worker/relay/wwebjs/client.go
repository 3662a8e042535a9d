package wwebjs

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/together"
)

// clientRows are the methods of whatsapp-web.js' Client.
var clientRows = []relay.Row{
	{
		Name: "sendMessage", Result: "Message", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "chatId", Kind: param.ChatID},
			{Name: "content", Kind: content.Kind, Doc: "text, a MessageMedia ({mimetype, data: base64, filename} or " +
				"{url}), a tagged Location, Poll or Contact, an array of Contacts, or an array of MessageMedia, which is sent as an " +
				"album; a text that starts with BEGIN:VCARD " +
				"is sent as a contact"},
			{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "" +
				"quotedMessageId, mentions, groupMentions, sendSeen (true), " +
				"parseVCards (true), ignoreQuoteErrors (true); of media: caption, sendAudioAsVoice, sendVideoAsGif, " +
				"sendMediaAsSticker, sendMediaAsDocument, sendMediaAsHd, isViewOnce, thumbnail (an image, as the preview of a " +
				"video or a document)"},
		},
		Example: `["4915123456789@c.us","Hello"]`,
		Doc:     "Sends a message to a chat and returns it once WhatsApp has it.",
		Do:      sendMessage,
	},
	{
		Name: "getState", Result: "WAState|null", Getter: true,
		Doc: "Returns the state of the connection: CONNECTED, OPENING, UNPAIRED, …",
		Do: func(_ context.Context, c *relay.Call) (any, error) {
			if state := c.Link().GetWaState(); state != "" {
				return state, nil
			}
			return nil, nil
		},
	},
	{
		Name: "getInfo", Result: "ClientInfo", Need: relay.NeedPaired, Getter: true,
		Doc: "Returns the account: its id, push name and platform.",
		Do:  getInfo,
	},
	{
		Name: "info", Result: "ClientInfo", Need: relay.NeedPaired, Getter: true,
		Doc: "Returns the account: its id, push name and platform.",
		Do:  getInfo,
	},
	{
		Name: "getWWebVersion", Result: "string", Getter: true,
		Doc: "Returns the version of WhatsApp Web that is announced to WhatsApp.",
		Do:  func(context.Context, *relay.Call) (any, error) { return store.GetWAVersion().String(), nil },
	},
	{
		Name: "getChats", Result: "Chat[]", Need: relay.NeedData, Getter: true,
		Doc: "Lists all chats, pinned ones first, then the newest.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			chats, err := c.Mirror.Chats(ctx)
			if err != nil {
				return nil, err
			}
			return encodeChats(ctx, chats)
		},
	},
	{
		Name: "getChatById", Result: "Chat|GroupChat", Need: relay.NeedData,
		Params: []param.Param{{Name: "chatId", Kind: param.ChatID}}, Example: `["4915123456789@c.us"]`,
		Doc: "Returns one chat; for a person without one an empty chat, when the number is on WhatsApp.",
		Do:  getChatByID,
	},
	{
		Name: "getContacts", Result: "Contact[]", Need: relay.NeedData, Getter: true,
		Doc: "Lists all people and groups the account knows, itself included.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return relay.List(c.Mirror.Contacts(ctx))
		},
	},
	{
		Name: "getContactById", Result: "Contact", Need: relay.NeedData,
		Params: []param.Param{{Name: "contactId", Kind: param.ChatID}}, Example: `["4915123456789@c.us"]`,
		Doc: "Returns one contact; a valid id that is not known gives a contact without names, whose isWAContact is false " +
			"when WhatsApp, as far as it can be asked, does not know the number either.",
		Do: getContactByID,
	},
	{
		Name: "getMessageById", Result: "Message|null", Need: relay.NeedData,
		Params:  []param.Param{{Name: "messageId", Kind: param.MessageID}},
		Example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E"]`,
		Doc:     "Returns one message, or null when it is not known.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			record, err := c.Mirror.Message(ctx, relay.Arg[shape.MessageID](c, 0).Serialized)
			if errors.Is(err, mirror.ErrNotFound) {
				return nil, nil
			}
			return record.Shape, err
		},
	},
	{
		Name: "isRegisteredUser", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "id", Kind: param.Phone}}, Example: `["4915123456789@c.us"]`,
		Doc: "Tells whether a phone number is on WhatsApp.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			found, err := onWhatsApp(ctx, c, relay.Arg[types.JID](c, 0))
			return found != nil, err
		},
	},
	{
		Name: "getNumberId", Result: "ContactId|null", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "number", Kind: param.Phone}}, Example: `["+49 151 23456789"]`,
		Doc: "Returns the id of a phone number, or null when it is not on WhatsApp.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			found, err := onWhatsApp(ctx, c, relay.Arg[types.JID](c, 0))
			if found == nil || err != nil {
				return nil, err
			}
			return shape.NewWid(shape.ID(*found)), nil
		},
	},
	{
		Name: "logout", Result: "void", Need: relay.NeedPaired,
		Doc: "Ends the pairing with the phone and forgets the keys.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return nil, c.Logout(ctx)
		},
	},
}

// sendMessage sends the content of the second parameter to the chat of the first.
func sendMessage(ctx context.Context, c *relay.Call) (any, error) {
	what, options := relay.Arg[content.Content](c, 1), relay.Arg[content.Options](c, 2)
	return content.Send(ctx, c, relay.Arg[types.JID](c, 0), what, options)
}

func getInfo(_ context.Context, c *relay.Call) (any, error) {
	account := c.Account()
	return shape.NewClientInfo(account.ID(), account.PushName, account.Platform), nil
}

// getContactByID asks WhatsApp about a number that nothing is known of.
func getContactByID(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
	named := contact.Name != "" || contact.Pushname != "" || contact.VerifiedName != "" || contact.Username != ""
	if err != nil || named || contact.IsMe || jid.Server != types.DefaultUserServer || c.Require(relay.NeedOnline) != nil {
		return contact, err
	}
	if _, err := c.Mirror.Chat(ctx, shape.ID(jid)); !errors.Is(err, mirror.ErrNotFound) {
		return contact, err
	}
	found, err := onWhatsApp(ctx, c, jid)
	if err != nil {
		// The contact is the answer all the same; that it is on WhatsApp is not denied unasked.
		c.Log.Warn().Err(err).Msg("a contact that is not known could not be looked up")
		return contact, nil
	}
	contact.IsWAContact = found != nil
	return contact, nil
}

// onWhatsApp asks whether a number is on WhatsApp and returns its canonical id; nil
// when it is not. A hidden id is asked about by its phone number.
func onWhatsApp(ctx context.Context, c *relay.Call, jid types.JID) (*types.JID, error) {
	if jid.Server == types.HiddenUserServer {
		number, err := c.Client.Store.LIDs.GetPNForLID(ctx, jid)
		if err != nil {
			return nil, fmt.Errorf("find number of hidden id: %w", err)
		}
		if number.IsEmpty() {
			return nil, param.Bad("params[0]", "the phone number behind this hidden id is not known, so it cannot be checked")
		}
		jid = number
	}
	answers, err := c.Client.IsOnWhatsApp(ctx, []string{"+" + jid.User})
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

// getChatByID invents an empty chat for a person without one, as whatsapp-web.js
// does, but only for numbers that WhatsApp knows.
func getChatByID(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if !errors.Is(err, mirror.ErrNotFound) {
		return chat, err
	}
	if jid.Server != types.DefaultUserServer {
		return nil, fault.New(fault.NotFound, relay.Op, "this chat is not known")
	}
	if err := c.Require(relay.NeedOnline); err != nil {
		return nil, err
	}
	found, err := onWhatsApp(ctx, c, jid)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.New(fault.NotFound, relay.Op, "this number is not on WhatsApp")
	}
	contact, err := c.Mirror.Contact(ctx, shape.ID(*found))
	if err != nil {
		return nil, err
	}
	return shape.Chat{ID: contact.ID, Name: content.ContactName(contact)}, nil
}

// manyChats is the length from which a list of chats is written by several goroutines.
const manyChats = 400

// encodeChats writes a list of chats. No other list gets so long that one
// processor takes a noticeable time for it.
func encodeChats(ctx context.Context, chats []shape.Chat) (relay.Encoded, error) {
	if chats == nil {
		chats = []shape.Chat{} // an empty answer is an array
	}
	n := 1
	if len(chats) >= manyChats {
		n = runtime.GOMAXPROCS(0)
	}
	parts := make([][]byte, n)
	writers := make([]func(context.Context) error, n)
	for i := range parts {
		writers[i] = func(context.Context) (err error) {
			parts[i], err = shape.Marshal(chats[i*len(chats)/n : (i+1)*len(chats)/n])
			return err
		}
	}
	if err := together.Do(ctx, writers...); err != nil || n == 1 {
		return parts[0], err
	}
	size := 2
	for _, part := range parts {
		size += len(part)
	}
	all := append(make([]byte, 0, size), '[')
	for i, part := range parts {
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, part[1:len(part)-1]...) // without its brackets
	}
	return append(all, ']'), nil
}
