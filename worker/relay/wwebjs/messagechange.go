package wwebjs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// messageChangeRows change a message, or send it on.
var messageChangeRows = []relay.Row{
	{
		Name: "Message.edit", Result: "Message|null", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "content", Kind: content.KindText, Doc: "the new text, or the new caption"},
			{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "mentions, groupMentions"},
		},
		Example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E","Hello, corrected"]`,
		Doc: "Changes the text of this message and returns it; null for a message of somebody else, an old one, or " +
			"one without text.",
		Do: relay.OfMessage(edit),
	},
	{
		Name: "Message.delete", Result: "void", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "everyone", Kind: param.Bool, Optional: true, Doc: "" +
				"for everyone, where this account may: its own messages, and " +
				"others' in groups it administers"},
			{
				Name: "clearMedia", Kind: param.Bool, Optional: true,
				Doc: "remove its file from the account's devices, too (true)",
			},
		},
		Example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E",true]`,
		Doc:     "Deletes this message, for everyone or on the account's own devices.",
		Do:      relay.OfMessage(deleteMessage),
	},
	{
		Name: "Message.star", Result: "void", Need: relay.NeedOnline,
		Params: messageOnly, Example: messageExample,
		Doc: "Stars this message.",
		Do:  relay.OfMessage(star(true)),
	},
	{
		Name: "Message.unstar", Result: "void", Need: relay.NeedOnline,
		Params: messageOnly, Example: messageExample,
		Doc: "Takes the star off this message.",
		Do:  relay.OfMessage(star(false)),
	},
	{
		Name: "Message.forward", Result: "void", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "chat", Kind: param.ChatID, Doc: "where to"},
		},
		Example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","4915198765432@c.us"]`,
		Doc:     "Sends this message on to a chat, marked as forwarded.",
		Do:      relay.OfMessage(forward),
	},
	{
		Name: "Message.pin", Result: "boolean", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "duration", Kind: kindPinTime, Doc: "seconds: 86400, 604800 or 2592000 in the apps"},
		},
		Example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E",86400]`,
		Doc:     "Pins this message for everyone in its chat; true.",
		Do:      relay.OfMessage(pinMessage),
	},
	{
		Name: "Message.unpin", Result: "boolean", Need: relay.NeedOnline, Sends: true,
		Params: messageOnly, Example: messageExample,
		Doc: "Unpins this message for everyone in its chat; true.",
		Do:  relay.OfMessage(unpinMessage),
	},
	{
		Name: "Message.vote", Result: "void", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "selectedOptions", Kind: param.ListOf(param.Text), Doc: "names of options; none takes the vote back"},
		},
		Example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E",["Yes"]]`,
		Doc:     "Votes in this poll, in place of an earlier vote.",
		Do:      relay.OfMessage(vote),
	},
}

var kindPinTime = param.Kind{Label: "number", Read: func(raw json.RawMessage, path string) (any, error) {
	seconds, err := value.Number(raw, path)
	if err != nil {
		return nil, err
	}
	if seconds < 1 || seconds > 366*24*3600 || seconds != float64(uint32(seconds)) {
		return nil, param.Bad(path, "expected seconds, such as 86400, 604800 or 2592000")
	}
	return uint32(seconds), nil
}}

// editWindow is how long WhatsApp's own clients let a message be edited.
const editWindow = 15 * time.Minute

func edit(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	if !r.FromMe || r.Raw == nil || time.Since(time.Unix(r.Shape.Timestamp, 0)) > editWindow {
		return nil, nil
	}
	text, options := relay.Arg[string](c, 1), relay.Arg[content.Options](c, 2)
	write, err := options.Mention(ctx, c, r.Chat)
	if err != nil {
		return nil, err
	}
	text = write(text)
	info, err := content.Context(ctx, c, r.Chat, options)
	if err != nil {
		return nil, err
	}
	msg := content.Compose(text, content.Options{ParseVCards: new(bool)}, info)
	if r.Shape.Type != shape.TypeChat {
		if msg = recaption(r.Raw, text, info); msg == nil {
			return nil, nil
		}
	} else if !param.SwitchedOff(options.LinkPreview) {
		msg = content.Preview(ctx, c, text, msg)
	}
	return c.Send(ctx, r.Chat, c.Client.BuildEdit(r.Chat, r.ID, msg))
}

// recaption returns the media message with another caption; nil when it can have none.
func recaption(raw *waE2E.Message, text string, info *waE2E.ContextInfo) *waE2E.Message {
	msg := message.Bare(raw)
	if !message.SetCaption(msg, text) || !message.SetContext(msg, info) {
		return nil
	}
	return message.Wrap(msg)
}

func deleteMessage(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	everyone, clearMedia := relay.Arg[bool](c, 1), !c.Given(2) || relay.Arg[bool](c, 2)
	if everyone && (r.FromMe || administers(ctx, c, r.Chat)) {
		sender := types.EmptyJID
		if !r.FromMe {
			group, _ := c.Group(ctx, r.Chat)
			sender = c.MemberForm(ctx, group, r.Sender)
		}
		_, err := c.Send(ctx, r.Chat, c.Client.BuildRevoke(r.Chat, sender, r.ID))
		return nil, err
	}
	own, author := "0", "0"
	if r.FromMe {
		own = "1"
	} else if r.Chat.Server == types.GroupServer {
		author = r.Sender.String()
	}
	action := &waSyncAction.DeleteMessageForMeAction{
		DeleteMedia: &clearMedia, MessageTimestamp: proto.Int64(r.Shape.Timestamp),
	}
	return nil, c.Change(ctx, appstate.PatchInfo{Type: appstate.WAPatchRegularHigh, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexDeleteMessageForMe, r.Chat.String(), r.ID, own, author}, Version: 3,
		Value: &waSyncAction.SyncActionValue{DeleteMessageForMeAction: action},
	}}}, &events.DeleteForMe{ChatJID: r.Chat, MessageID: r.ID, IsFromMe: r.FromMe, Timestamp: time.Now(), Action: action})
}

// administers tells whether the account is an admin of the group.
func administers(ctx context.Context, c *relay.Call, chat types.JID) bool {
	group, ok := c.Group(ctx, chat)
	if !ok {
		return false
	}
	account := c.Account()
	me, lid := shape.ID(account.JID), shape.ID(account.LID)
	for _, p := range group.Participants {
		if p.ID.Serialized == me || p.ID.Serialized == lid {
			return p.IsAdmin || p.IsSuperAdmin
		}
	}
	return false
}

func star(on bool) func(context.Context, *relay.Call, mirror.Record) (any, error) {
	return func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
		return nil, c.Change(ctx, appstate.BuildStar(r.Chat, r.Sender, r.ID, r.FromMe, on), &events.Star{
			ChatJID: r.Chat, SenderJID: r.Sender, MessageID: r.ID, IsFromMe: r.FromMe,
			Timestamp: time.Now(), Action: &waSyncAction.StarAction{Starred: &on},
		})
	}
}

func forward(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	if r.Raw == nil {
		return nil, fault.New(fault.Conflict, relay.Op, "this message has no content that could be sent on")
	}
	what := message.Read(r.Raw)
	if what.ViewOnce || r.Shape.Data.IsViewOnce {
		return nil, fault.New(fault.Conflict, relay.Op, "a message that may be seen once cannot be sent on")
	}
	msg := message.Bare(r.Raw)
	score := r.Shape.ForwardingScore
	if !r.FromMe || score > 0 { // sending one's own message on for the first time does not count
		score++
	}
	info := &waE2E.ContextInfo{IsForwarded: proto.Bool(score > 0), ForwardingScore: &score}
	if what.Role != message.Shown || !message.SetContext(msg, info) {
		return nil, fault.New(fault.Conflict, relay.Op, "a message of this kind cannot be sent on")
	}
	content.Seal(msg)
	_, err := c.Send(ctx, relay.Arg[types.JID](c, 1), message.Wrap(msg))
	return nil, err
}

func pinMessage(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	return sendPin(ctx, c, r, waE2E.PinInChatMessage_PIN_FOR_ALL, &waE2E.MessageContextInfo{
		MessageAddOnDurationInSecs: proto.Uint32(relay.Arg[uint32](c, 1)),
	})
}

func unpinMessage(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	return sendPin(ctx, c, r, waE2E.PinInChatMessage_UNPIN_FOR_ALL, nil)
}

func sendPin(
	ctx context.Context, c *relay.Call, r mirror.Record, kind waE2E.PinInChatMessage_Type,
	info *waE2E.MessageContextInfo,
) (any, error) {
	group, _ := c.Group(ctx, r.Chat)
	_, err := c.Send(ctx, r.Chat, &waE2E.Message{
		PinInChatMessage: &waE2E.PinInChatMessage{
			Key:  c.Client.BuildMessageKey(r.Chat, c.MemberForm(ctx, group, r.Sender), r.ID),
			Type: kind.Enum(), SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
		},
		MessageContextInfo: info,
	})
	return true, err
}

func vote(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	if r.Shape.PollName == nil {
		return nil, param.Bad("params[0]", "this message is not a poll")
	}
	chosen := relay.ArgList[string](c, 1)
	for i, name := range chosen {
		known := false
		for _, option := range r.Shape.PollOptions {
			known = known || option.Name == name
		}
		if !known {
			return nil, param.Bad(fmt.Sprintf("params[1][%d]", i), "the poll has no such option")
		}
	}
	group, _ := c.Group(ctx, r.Chat)
	msg, err := c.Client.BuildPollVote(ctx, &types.MessageInfo{
		ID: r.ID,
		MessageSource: types.MessageSource{
			Chat: r.Chat, Sender: c.WireForm(ctx, r), IsFromMe: r.FromMe, IsGroup: group != nil,
		},
	}, chosen)
	if err != nil {
		return nil, err
	}
	_, err = c.Send(ctx, r.Chat, msg)
	return nil, err
}
