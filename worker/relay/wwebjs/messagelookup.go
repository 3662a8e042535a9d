package wwebjs

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var messageOnly = []param.Param{{Name: "messageId", Kind: param.MessageID}}

const messageExample = `["false_4915123456789@c.us_3EB0C431C26A1916E07E"]`

// messageLookupRows tell what is known of a message and of what it refers to.
var messageLookupRows = slices.Concat(
	relay.Twins("getPinnedMessages", "Chat.getPinnedMessages", relay.Row{
		Result: "Message[]", Need: relay.NeedData,
		Params: chatOnly, Example: chatExample,
		Doc: "Lists the messages that are pinned in {a chat|this chat} now, the newest pin first.",
		Do:  pinnedMessages,
	}),
	[]relay.Row{
		{
			Name: "Message.reload", Result: "Message|null", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Returns this message as it is now, or null when it is not known any more, or was deleted for everyone.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				record, err := c.Mirror.Message(ctx, relay.Arg[shape.MessageID](c, 0).Serialized)
				if errors.Is(err, mirror.ErrNotFound) || err == nil && record.Shape.Type == shape.TypeRevoked {
					return nil, nil
				}
				return record.Shape, err
			},
		},
		{
			Name: "Message.rawData", Result: "object", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Returns the raw data of this message, and in message its content as WhatsApp has it, with everything " +
				"that has no place elsewhere. One that is longer than 256 KiB is left out, and rawOmitted is true.",
			Do: relay.OfMessage(func(_ context.Context, _ *relay.Call, r mirror.Record) (any, error) {
				content, omitted := message.JSON(r.Raw)
				return rawData{r.Shape.Data, content, omitted}, nil
			}),
		},
		{
			Name: "Message.getChat", Result: "Chat|GroupChat", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Returns the chat of this message.",
			Do: relay.OfMessage(func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
				return c.Mirror.Chat(ctx, shape.ID(r.Chat))
			}),
		},
		{
			Name: "Message.getContact", Result: "Contact", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Returns who wrote this message.",
			Do: relay.OfMessage(func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
				return c.Mirror.Contact(ctx, shape.ID(r.Sender))
			}),
		},
		{
			Name: "Message.getMentions", Result: "Contact[]", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Lists the people whom this message mentions.",
			Do:  relay.OfMessage(mentions),
		},
		{
			Name: "Message.getGroupMentions", Result: "GroupChat[]", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Lists the groups that this message mentions and that are known.",
			Do:  relay.OfMessage(groupMentions),
		},
		{
			Name: "Message.getQuotedMessage", Result: "Message|null", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Returns the message that this one quotes; null when it quotes none. " +
				"Of one from before the account was linked, it is the copy inside the quote: without ack and timestamp.",
			Do: relay.OfMessage(quotedMessage),
		},
		{
			Name: "Message.getInfo", Result: "MessageInfo|null", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Tells who has received, read and played this message; null for messages of others.",
			Do:  relay.OfMessage(messageInfo),
		},
		{
			Name: "Message.getReactions", Result: "ReactionList[]|null", Need: relay.NeedData,
			Params: messageOnly, Example: messageExample,
			Doc: "Lists the reactions to this message by emoji; null when there are none.",
			Do: relay.OfMessage(func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
				lists, err := c.Mirror.Reactions(ctx, r.Shape.ID.Serialized)
				if len(lists) == 0 || err != nil {
					return nil, err
				}
				return lists, nil
			}),
		},
	},
	relay.Twins("getPollVotes", "Message.getPollVotes", relay.Row{
		Result: "PollVote[]", Need: relay.NeedData,
		Params: messageOnly, Example: messageExample,
		Doc: "Lists the newest vote of everybody who voted in {a poll|this poll}.",
		Do:  relay.OfMessage(pollVotes),
	}),
	[]relay.Row{
		{
			Name: "searchMessages", Result: "Message[]", Need: relay.NeedData,
			Params: []param.Param{
				{
					Name: "query", Kind: param.Kind{Label: "string", Read: readQuery},
					Doc: "words, or how they begin; upper and lower case are the same",
				},
				{Name: "options", Kind: kindSearchOptions, Optional: true, Doc: "chatId, page (1), limit (100)"},
			},
			Example: `["invoice",{"limit":20}]`,
			Doc:     "Finds messages with all these words in their text, the newest first.",
			Do:      searchMessages,
		},
	},
)

func pinnedMessages(ctx context.Context, c *relay.Call) (any, error) {
	return relay.List(c.Mirror.Pinned(ctx, shape.ID(relay.Arg[types.JID](c, 0))))
}

func mentions(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
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

func groupMentions(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
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

func quotedMessage(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	data := r.Shape.Data
	if data.QuotedStanzaID == "" {
		return nil, nil
	}
	chat := data.QuotedRemoteJID
	if chat == "" {
		chat = shape.ID(r.Chat)
	}
	quoted, err := c.Mirror.Message(ctx, "false_"+chat+"_"+data.QuotedStanzaID) // its author does not matter here
	if errors.Is(err, mirror.ErrNotFound) {
		return quotedCopy(ctx, c, r, chat)
	}
	return quoted.Shape, err
}

// quotedCopy makes a Message of the copy that a quote carries, for a message from before
// the account was linked. When it was written is not known.
func quotedCopy(ctx context.Context, c *relay.Call, r mirror.Record, chat string) (any, error) {
	info := message.Read(r.Raw).Context
	author, err := types.ParseJID(info.GetParticipant())
	if err != nil || author.User == "" || info.GetQuotedMessage() == nil {
		return nil, nil //nolint:nilerr // a stranger wrote it: a quote without an author is none
	}
	who, err := c.Person(ctx, author.ToNonAD())
	if err != nil {
		return nil, err
	}
	account := c.Account()
	me := shape.ID(account.JID.ToNonAD())
	s := shape.Source{
		Me: me, Chat: chat, ID: r.Shape.Data.QuotedStanzaID, Sender: who.Serialized, Raw: info.GetQuotedMessage(),
		FromMe: who.Serialized == me || !account.LID.IsEmpty() && who.Serialized == shape.ID(account.LID.ToNonAD()),
	}
	if s.FromMe {
		s.Sender = me
	}
	quoted := shape.Render(s)
	if !s.FromMe {
		names, err := c.Mirror.Usernames(ctx, []string{s.Sender})
		if err != nil {
			return nil, err
		}
		quoted.Username = names[s.Sender]
	}
	return quoted, nil
}

func messageInfo(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	info, err := c.Mirror.Info(ctx, r.Shape.ID.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		return nil, nil
	}
	return info, err
}

func pollVotes(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	if r.Shape.PollName == nil {
		f := fault.New(fault.Invalid, relay.Op, "this message is not a poll")
		f.Field = "params[0]"
		return nil, f
	}
	return relay.List(c.Mirror.PollVotes(ctx, r.Shape.ID.Serialized))
}

func readQuery(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	switch {
	case err != nil:
		return nil, err
	case text == "" || utf8.RuneCountInString(text) > 1000:
		return nil, param.Bad(path, "expected text of 1 to 1000 characters")
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

var kindSearchOptions = param.Object("object", (*searchOptions).check)

func (o *searchOptions) check(path string) error {
	if !param.IsNull(o.ChatID) {
		jid, err := param.ChatID.Read(o.ChatID, path+".chatId")
		if err != nil {
			return err
		}
		o.chat = jid.(types.JID)
	}
	if o.Page != nil && (*o.Page < 1 || *o.Page > 1_000_000) {
		return param.Bad(path+".page", "expected 1 or more")
	}
	if o.Limit != nil && (*o.Limit < 1 || *o.Limit > maxFound) {
		return param.Bad(path+".limit", "expected 1 to %d", maxFound)
	}
	return nil
}

func searchMessages(ctx context.Context, c *relay.Call) (any, error) {
	options := relay.Arg[searchOptions](c, 1)
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
	return relay.List(c.Mirror.Search(ctx, relay.Arg[string](c, 0), chat, (page-1)*limit, limit))
}

// rawData is _data with the message that it was made of.
type rawData struct {
	shape.Data
	Message    json.RawMessage `json:"message,omitempty"`    // waE2E.Message, unwrapped
	RawOmitted bool            `json:"rawOmitted,omitempty"` // see message.JSON
}
