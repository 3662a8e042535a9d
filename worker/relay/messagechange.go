package relay

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
	"google.golang.org/protobuf/reflect/protoreflect"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// messageChangeRows change a message, or send it on.
var messageChangeRows = []row{
	{name: "Message.edit", class: "Message", result: "Message|null", need: needOnline, sends: true,
		params: []param{
			{name: "messageId", kind: kindMsgID},
			{name: "content", kind: kindText, doc: "the new text, or the new caption"},
			{name: "options", kind: kindSendOptions, optional: true, doc: "mentions, groupMentions"},
		},
		doc:     "Changes the text of this message and returns it; null for a message of somebody else, an old one, or one without text.",
		example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E","Hello, corrected"]`, do: ofMessage(edit)},
	{name: "Message.delete", class: "Message", result: "void", need: needOnline, sends: true,
		params: []param{
			{name: "messageId", kind: kindMsgID},
			{name: "everyone", kind: kindBool, optional: true, doc: "for everyone, where this account may: its own messages, and others' in groups it administers"},
			{name: "clearMedia", kind: kindBool, optional: true, doc: "remove its file from the account's devices, too (true)"},
		},
		doc:     "Deletes this message, for everyone or on the account's own devices.",
		example: `["true_4915123456789@c.us_3EB0C431C26A1916E07E",true]`, do: ofMessage(deleteMessage)},
	{name: "Message.star", class: "Message", result: "void", need: needOnline, params: messageOnly, example: messageExample, doc: "Stars this message.", do: ofMessage(star(true))},
	{name: "Message.unstar", class: "Message", result: "void", need: needOnline, params: messageOnly, example: messageExample, doc: "Takes the star off this message.", do: ofMessage(star(false))},
	{name: "Message.forward", class: "Message", result: "void", need: needOnline, sends: true,
		params:  []param{{name: "messageId", kind: kindMsgID}, {name: "chat", kind: kindChatID, doc: "where to"}},
		doc:     "Sends this message on to a chat, marked as forwarded.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","4915198765432@c.us"]`, do: ofMessage(forward)},
	{name: "Message.pin", class: "Message", result: "boolean", need: needOnline, sends: true,
		params:  []param{{name: "messageId", kind: kindMsgID}, {name: "duration", kind: kindPinTime, doc: "seconds: 86400, 604800 or 2592000 in the apps"}},
		doc:     "Pins this message for everyone in its chat; true.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E",86400]`, do: ofMessage(pinMessage)},
	{name: "Message.unpin", class: "Message", result: "boolean", need: needOnline, sends: true, params: messageOnly, example: messageExample,
		doc: "Unpins this message for everyone in its chat; true.", do: ofMessage(unpinMessage)},
	{name: "Message.vote", class: "Message", result: "void", need: needOnline, sends: true,
		params:  []param{{name: "messageId", kind: kindMsgID}, {name: "selectedOptions", kind: kind{"string[]", listOf(readOption)}, doc: "names of options; none takes the vote back"}},
		doc:     "Votes in this poll, in place of an earlier vote.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E",["Yes"]]`, do: ofMessage(vote)},
}

var (
	kindText = kind{"string", readText}
	kindBool = kind{"boolean", func(raw json.RawMessage, path string) (any, error) {
		var on bool
		if err := json.Unmarshal(raw, &on); err != nil {
			return nil, bad(path, "expected true or false, got %s", value.Kind(raw))
		}
		return on, nil
	}}
	kindPinTime = kind{"number", func(raw json.RawMessage, path string) (any, error) {
		seconds, err := value.Number(raw, path)
		if err != nil {
			return nil, err
		}
		if seconds < 1 || seconds > 366*24*3600 || seconds != float64(uint32(seconds)) {
			return nil, bad(path, "expected seconds, such as 86400, 604800 or 2592000")
		}
		return uint32(seconds), nil
	}}
)

func readOption(raw json.RawMessage, path string) (any, error) { return value.String(raw, path) }

// editWindow is how long WhatsApp's own clients let a message be edited.
const editWindow = 15 * time.Minute

func edit(ctx context.Context, c *call, r mirror.Record) (any, error) {
	if !r.FromMe || r.Raw == nil || time.Since(time.Unix(r.Shape.Timestamp, 0)) > editWindow {
		return nil, nil
	}
	text, options := arg[string](c, 1), arg[sendOptions](c, 2)
	info, err := c.contextInfo(ctx, r.Chat, options)
	if err != nil {
		return nil, err
	}
	content := compose(text, sendOptions{ParseVCards: new(bool)}, info)
	if r.Shape.Type != shape.TypeChat {
		if content = recaption(r.Raw, text, info); content == nil {
			return nil, nil
		}
	} else if !unset(options.LinkPreview) {
		content = c.preview(ctx, text, content)
	}
	return c.send(ctx, r.Chat, c.cli.BuildEdit(r.Chat, r.ID, content))
}

// recaption is the media message with another caption; nil when it can have none.
func recaption(raw *waE2E.Message, text string, info *waE2E.ContextInfo) *waE2E.Message {
	msg := proto.CloneOf(raw)
	msg.MessageContextInfo = nil
	switch {
	case msg.ImageMessage != nil:
		msg.ImageMessage.Caption, msg.ImageMessage.ContextInfo = &text, info
	case msg.VideoMessage != nil:
		msg.VideoMessage.Caption, msg.VideoMessage.ContextInfo = &text, info
	case msg.DocumentMessage != nil:
		msg.DocumentMessage.Caption, msg.DocumentMessage.ContextInfo = &text, info
	default:
		return nil
	}
	return msg
}

func deleteMessage(ctx context.Context, c *call, r mirror.Record) (any, error) {
	everyone, clearMedia := arg[bool](c, 1), c.args[2] == nil || arg[bool](c, 2)
	if everyone && (r.FromMe || c.administers(ctx, r.Chat)) {
		sender := types.EmptyJID
		if !r.FromMe {
			group, _ := c.group(ctx, r.Chat)
			sender = c.memberForm(ctx, group, r.Sender)
		}
		_, err := c.send(ctx, r.Chat, c.cli.BuildRevoke(r.Chat, sender, r.ID))
		return nil, err
	}
	own, author := "0", "0"
	if r.FromMe {
		own = "1"
	} else if r.Chat.Server == types.GroupServer {
		author = r.Sender.String()
	}
	action := &waSyncAction.DeleteMessageForMeAction{DeleteMedia: &clearMedia, MessageTimestamp: proto.Int64(r.Shape.Timestamp)}
	return nil, c.change(ctx, appstate.PatchInfo{Type: appstate.WAPatchRegularHigh, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexDeleteMessageForMe, r.Chat.String(), r.ID, own, author}, Version: 3,
		Value: &waSyncAction.SyncActionValue{DeleteMessageForMeAction: action},
	}}}, &events.DeleteForMe{ChatJID: r.Chat, MessageID: r.ID, IsFromMe: r.FromMe, Timestamp: time.Now(), Action: action})
}

// administers tells whether the account is an admin of the group.
func (c *call) administers(ctx context.Context, chat types.JID) bool {
	group, ok := c.group(ctx, chat)
	if !ok {
		return false
	}
	account := c.account()
	me, lid := shape.ID(account.JID), shape.ID(account.LID)
	for _, p := range group.Participants {
		if p.ID.Serialized == me || p.ID.Serialized == lid {
			return p.IsAdmin || p.IsSuperAdmin
		}
	}
	return false
}

func star(on bool) func(context.Context, *call, mirror.Record) (any, error) {
	return func(ctx context.Context, c *call, r mirror.Record) (any, error) {
		return nil, c.change(ctx, appstate.BuildStar(r.Chat, r.Sender, r.ID, r.FromMe, on), &events.Star{
			ChatJID: r.Chat, SenderJID: r.Sender, MessageID: r.ID, IsFromMe: r.FromMe, Timestamp: time.Now(), Action: &waSyncAction.StarAction{Starred: &on},
		})
	}
}

func forward(ctx context.Context, c *call, r mirror.Record) (any, error) {
	if r.Raw == nil {
		return nil, fault.New(fault.Conflict, op, "this message has no content that could be sent on")
	}
	msg := proto.CloneOf(r.Raw)
	msg.MessageContextInfo = nil
	if text := msg.Conversation; text != nil {
		msg.Conversation, msg.ExtendedTextMessage = nil, &waE2E.ExtendedTextMessage{Text: text}
	}
	score := r.Shape.ForwardingScore
	if !r.FromMe || score > 0 { // sending one's own message on for the first time does not count
		score++
	}
	if !setContextInfo(msg, &waE2E.ContextInfo{IsForwarded: proto.Bool(score > 0), ForwardingScore: &score}) {
		return nil, fault.New(fault.Conflict, op, "a message of this kind cannot be sent on")
	}
	_, err := c.send(ctx, arg[types.JID](c, 1), msg)
	return nil, err
}

// setContextInfo replaces the context of whatever kind of content msg has;
// false when that kind has none.
func setContextInfo(msg *waE2E.Message, info *waE2E.ContextInfo) (done bool) {
	msg.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return true
		}
		inner := field.Message().Fields().ByName("contextInfo")
		if inner == nil {
			return true
		}
		v.Message().Set(inner, protoreflect.ValueOfMessage(info.ProtoReflect()))
		done = true
		return false
	})
	return done
}

func pinMessage(ctx context.Context, c *call, r mirror.Record) (any, error) {
	return c.sendPin(ctx, r, waE2E.PinInChatMessage_PIN_FOR_ALL, &waE2E.MessageContextInfo{MessageAddOnDurationInSecs: proto.Uint32(arg[uint32](c, 1))})
}

func unpinMessage(ctx context.Context, c *call, r mirror.Record) (any, error) {
	return c.sendPin(ctx, r, waE2E.PinInChatMessage_UNPIN_FOR_ALL, nil)
}

func (c *call) sendPin(ctx context.Context, r mirror.Record, kind waE2E.PinInChatMessage_Type, info *waE2E.MessageContextInfo) (any, error) {
	group, _ := c.group(ctx, r.Chat)
	_, err := c.send(ctx, r.Chat, &waE2E.Message{
		PinInChatMessage: &waE2E.PinInChatMessage{
			Key: c.cli.BuildMessageKey(r.Chat, c.memberForm(ctx, group, r.Sender), r.ID), Type: kind.Enum(), SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
		},
		MessageContextInfo: info,
	})
	return true, err
}

func vote(ctx context.Context, c *call, r mirror.Record) (any, error) {
	if r.Shape.PollName == nil {
		return nil, bad("params[0]", "this message is not a poll")
	}
	chosen := argList[string](c, 1)
	for i, name := range chosen {
		known := false
		for _, option := range r.Shape.PollOptions {
			known = known || option.Name == name
		}
		if !known {
			return nil, bad(fmt.Sprintf("params[1][%d]", i), "the poll has no such option")
		}
	}
	group, _ := c.group(ctx, r.Chat)
	msg, err := c.cli.BuildPollVote(ctx, &types.MessageInfo{
		MessageSource: types.MessageSource{Chat: r.Chat, Sender: c.wireForm(ctx, r), IsFromMe: r.FromMe, IsGroup: group != nil}, ID: r.ID,
	}, chosen)
	if err != nil {
		return nil, err
	}
	_, err = c.send(ctx, r.Chat, msg)
	return nil, err
}
