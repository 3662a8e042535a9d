package relay

import (
	"context"
	"encoding/json"
	"errors"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var messageOnly = []param{{name: "messageId", kind: kindMsgID}}

const messageExample = `["false_4915123456789@c.us_3EB0C431C26A1916E07E"]`

// messageLookupRows tell what is known of a message and of what it refers to.
var messageLookupRows = []row{
	{name: "Message.reload", class: "Message", result: "Message|null", need: needData, params: messageOnly, example: messageExample,
		doc: "Returns this message as it is now, or null when it is not known any more.",
		do: func(ctx context.Context, c *call) (any, error) {
			record, err := c.Mirror.Message(ctx, arg[shape.MessageID](c, 0).Serialized)
			if errors.Is(err, mirror.ErrNotFound) {
				return nil, nil
			}
			return record.Shape, err
		}},
	{name: "Message.rawData", class: "Message", result: "object", need: needData, params: messageOnly, example: messageExample,
		doc: "Returns the raw data of this message.", do: ofMessage(func(_ context.Context, _ *call, r mirror.Record) (any, error) { return r.Shape.Data, nil })},
	{name: "Message.getChat", class: "Message", result: "Chat|GroupChat", need: needData, params: messageOnly, example: messageExample,
		doc: "Returns the chat of this message.", do: ofMessage(func(ctx context.Context, c *call, r mirror.Record) (any, error) {
			return c.Mirror.Chat(ctx, shape.ID(r.Chat))
		})},
	{name: "Message.getContact", class: "Message", result: "Contact", need: needData, params: messageOnly, example: messageExample,
		doc: "Returns who wrote this message.", do: ofMessage(func(ctx context.Context, c *call, r mirror.Record) (any, error) {
			return c.Mirror.Contact(ctx, shape.ID(r.Sender))
		})},
	{name: "Message.getMentions", class: "Message", result: "Contact[]", need: needData, params: messageOnly, example: messageExample,
		doc: "Lists the people whom this message mentions.", do: ofMessage(mentions)},
	{name: "Message.getGroupMentions", class: "Message", result: "GroupChat[]", need: needData, params: messageOnly, example: messageExample,
		doc: "Lists the groups that this message mentions and that are known.", do: ofMessage(groupMentions)},
	{name: "Message.getQuotedMessage", class: "Message", result: "Message|null", need: needData, params: messageOnly, example: messageExample,
		doc: "Returns the message that this one quotes; null when it quotes none or that one is not known.", do: ofMessage(quotedMessage)},
	{name: "Message.getInfo", class: "Message", result: "MessageInfo|null", need: needData, params: messageOnly, example: messageExample,
		doc: "Tells who has received, read and played this message; null for messages of others.", do: ofMessage(messageInfo)},
	{name: "Message.getReactions", class: "Message", result: "ReactionList[]|null", need: needData, params: messageOnly, example: messageExample,
		doc: "Lists the reactions to this message by emoji; null when there are none.", do: ofMessage(func(ctx context.Context, c *call, r mirror.Record) (any, error) {
			lists, err := c.Mirror.Reactions(ctx, r.Shape.ID.Serialized)
			if len(lists) == 0 || err != nil {
				return nil, err
			}
			return lists, nil
		})},
	{name: "Message.getPollVotes", class: "Message", result: "PollVote[]", need: needData, params: messageOnly, example: messageExample,
		doc: "Lists the newest vote of everybody who voted in this poll.", do: ofMessage(pollVotes)},
	{name: "getPollVotes", class: "Client", result: "PollVote[]", need: needData, params: messageOnly, example: messageExample,
		doc: "Lists the newest vote of everybody who voted in a poll.", do: ofMessage(pollVotes)},
	{name: "searchMessages", class: "Client", result: "Message[]", need: needData,
		params: []param{
			{name: "query", kind: kind{"string", readQuery}, doc: "words, or how they begin; upper and lower case are the same"},
			{name: "options", kind: kindSearchOptions, optional: true, doc: "chatId, page (1), limit (100)"},
		},
		doc: "Finds messages with all these words in their text, the newest first.", example: `["invoice",{"limit":20}]`, do: searchMessages},
}

// ofMessage looks the message up that the first parameter names.
func ofMessage(do func(context.Context, *call, mirror.Record) (any, error)) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		record, err := c.message(ctx, arg[shape.MessageID](c, 0))
		if err != nil {
			return nil, err
		}
		return do(ctx, c, record)
	}
}

func mentions(ctx context.Context, c *call, r mirror.Record) (any, error) {
	people := []shape.Contact{}
	for _, id := range r.Shape.MentionedIDs {
		contact, err := c.Mirror.Contact(ctx, id)
		if err != nil {
			return nil, err
		}
		people = append(people, contact)
	}
	return people, nil
}

func groupMentions(ctx context.Context, c *call, r mirror.Record) (any, error) {
	groups := []shape.Chat{}
	for _, mention := range r.Shape.GroupMentions {
		chat, err := c.Mirror.Chat(ctx, mention.GroupJID.Serialized)
		if errors.Is(err, mirror.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		groups = append(groups, chat)
	}
	return groups, nil
}

func quotedMessage(ctx context.Context, c *call, r mirror.Record) (any, error) {
	data := r.Shape.Data
	if data.QuotedStanzaID == "" {
		return nil, nil
	}
	chat := data.QuotedRemoteJID
	if chat == "" {
		chat = shape.ID(r.Chat)
	}
	quoted, err := c.Mirror.Message(ctx, "false_"+chat+"_"+data.QuotedStanzaID) // whose it is does not matter to find it
	if errors.Is(err, mirror.ErrNotFound) {
		return nil, nil
	}
	return quoted.Shape, err
}

func messageInfo(ctx context.Context, c *call, r mirror.Record) (any, error) {
	info, err := c.Mirror.Info(ctx, r.Shape.ID.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		return nil, nil
	}
	return info, err
}

func pollVotes(ctx context.Context, c *call, r mirror.Record) (any, error) {
	if r.Shape.PollName == nil {
		f := fault.New(fault.Invalid, op, "this message is not a poll")
		f.Field = "params[0]"
		return nil, f
	}
	return list(c.Mirror.PollVotes(ctx, r.Shape.ID.Serialized))
}

func readQuery(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	switch {
	case err != nil:
		return nil, err
	case text == "" || len(text) > 1000:
		return nil, bad(path, "expected text of 1 to 1000 bytes")
	}
	return text, nil
}

type searchOptions struct {
	ChatID json.RawMessage `json:"chatId"`
	Page   *int            `json:"page"`
	Limit  *int            `json:"limit"`

	chat types.JID
}

const (
	standardFound = 100
	maxFound      = 1000
)

var kindSearchOptions = kindObject("object", (*searchOptions).check)

func (o *searchOptions) check(path string) error {
	if !isNull(o.ChatID) {
		jid, err := readChatID(o.ChatID, path+".chatId")
		if err != nil {
			return err
		}
		o.chat = jid.(types.JID)
	}
	if o.Page != nil && (*o.Page < 1 || *o.Page > 1_000_000) {
		return bad(path+".page", "expected 1 or more")
	}
	if o.Limit != nil && (*o.Limit < 1 || *o.Limit > maxFound) {
		return bad(path+".limit", "expected 1 to %d", maxFound)
	}
	return nil
}

func searchMessages(ctx context.Context, c *call) (any, error) {
	options := arg[searchOptions](c, 1)
	page, limit, chat := 1, standardFound, ""
	if options.Page != nil {
		page = *options.Page
	}
	if options.Limit != nil {
		limit = *options.Limit
	}
	if !options.chat.IsEmpty() {
		chat = shape.ID(options.chat)
	}
	return list(c.Mirror.Search(ctx, arg[string](c, 0), chat, (page-1)*limit, limit))
}
