package wwebjs

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// eventRows are about scheduled events.
var eventRows = []relay.Row{
	{
		Name: "sendResponseToScheduledEvent", Result: "boolean", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "response", Kind: param.Number, Doc: "0 none, 1 going, 2 not going, 3 maybe"},
			{Name: "eventMessageId", Kind: param.MessageID},
		},
		Example: `[1,"false_120363000000000000@g.us_3EB0C431C26A1916E07E_4915123456789@c.us"]`,
		Doc: "Answers the invitation to an event; false for an answer outside 0 to 3 and for a message that is no " +
			"event.",
		Do: respondToEvent,
	},
	{
		Name: "Message.editScheduledEvent", Result: "Message|null", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "messageId", Kind: param.MessageID},
			{Name: "editedEventObject", Kind: content.KindEvent},
		},
		Example: `["true_120363000000000000@g.us_3EB0C431C26A1916E07E_4915123456789@c.us",{"$type":"ScheduledEvent","name":"Lunch","startTimeTs":1767225600}]`,
		Doc:     "Changes this event and returns it; null for an event of somebody else, or a cancelled one.",
		Do:      relay.OfMessage(editEvent),
	},
	{
		Name: "Message.getEventResponses", Result: "EventResponse[]", Need: relay.NeedData, Own: true,
		Params: messageOnly, Example: messageExample,
		Doc: "Lists the newest answer of everybody who answered this event.",
		Do:  relay.OfMessage(eventResponses),
	},
}

// seal encrypts an answer or an edit with the secret of the event's message.
func seal(
	ctx context.Context, c *relay.Call, r mirror.Record, use whatsmeow.MsgSecretType, m proto.Message,
) (payload, iv []byte, key *waCommon.MessageKey, err error) {
	plain, err := proto.Marshal(m)
	if err != nil {
		return nil, nil, nil, err
	}
	group, _ := c.Group(ctx, r.Chat)
	author := c.WireForm(ctx, r)
	me := c.Client.Store.GetLID().ToNonAD()
	if author.Server == types.DefaultUserServer || me.IsEmpty() {
		me = c.Client.Store.GetJID().ToNonAD()
	}
	//lint:ignore SA1019 whatsmeow seals polls and reactions only
	payload, iv, err = c.Client.DangerousInternals().EncryptMsgSecret(ctx, me, r.Chat, author, r.ID, use, plain)
	key = &waCommon.MessageKey{RemoteJID: proto.String(r.Chat.String()), FromMe: proto.Bool(r.FromMe), ID: &r.ID}
	if group != nil {
		key.Participant = proto.String(author.String())
	}
	return payload, iv, key, err
}

func respondToEvent(ctx context.Context, c *relay.Call) (any, error) {
	answer := relay.Arg[float64](c, 0)
	r, err := c.FindMessage(ctx, relay.Arg[shape.MessageID](c, 1))
	if err != nil {
		return nil, err
	}
	if answer != float64(int(answer)) || answer < 0 || answer > 3 {
		return false, nil
	}
	if r.Raw == nil || message.Unwrap(r.Raw).Message.GetEventMessage() == nil {
		return false, nil
	}
	payload, iv, key, err := seal(ctx, c, r, whatsmeow.EncSecretEventResponse, &waE2E.EventResponseMessage{
		Response:    waE2E.EventResponseMessage_EventResponseType(int32(answer)).Enum(),
		TimestampMS: proto.Int64(time.Now().UnixMilli()), ExtraGuestCount: proto.Int32(0),
	})
	if err != nil {
		return nil, err
	}
	message := &waE2E.Message{
		EncEventResponseMessage: &waE2E.EncEventResponseMessage{EventCreationMessageKey: key, EncPayload: payload, EncIV: iv},
	}
	meta := []waBinary.Node{{Tag: "meta", Attrs: waBinary.Attrs{"event_type": "response"}}}
	_, _, err = c.Deliver(ctx, r.Chat, message, whatsmeow.SendRequestExtra{ID: c.MessageID, AdditionalNodes: &meta})
	return err == nil, err
}

func eventResponses(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	if r.Raw == nil || message.Unwrap(r.Raw).Message.GetEventMessage() == nil {
		return nil, param.Bad("params[0]", "this message is not an event")
	}
	return relay.List(c.Mirror.EventResponses(ctx, r.Shape.ID.Serialized))
}

func editEvent(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	edited := relay.Arg[content.Event](c, 1)
	if r.Raw == nil {
		return nil, nil
	}
	old := message.Unwrap(r.Raw).Message.GetEventMessage()
	if old == nil {
		return nil, param.Bad("params[0]", "this message is not an event")
	}
	if !r.FromMe || old.GetIsCanceled() {
		return nil, nil
	}
	m, err := edited.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	payload, iv, key, err := seal(ctx, c, r, whatsmeow.EncSecretEventEdit, &waE2E.Message{EventMessage: m})
	if err != nil {
		return nil, err
	}
	response, err := c.Transmit(ctx, r.Chat, &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{
		TargetMessageKey: key, EncPayload: payload, EncIV: iv, SecretEncType: waE2E.SecretEncryptedMessage_EVENT_EDIT.Enum(),
	}}, whatsmeow.SendRequestExtra{ID: c.MessageID})
	if err != nil {
		return nil, err
	}
	// An edit of an event is recorded as what it means.
	return c.Record(ctx, inbound.Outgoing{
		Chat: r.Chat, ID: response.ID, At: response.Timestamp,
		Message: c.Client.BuildEdit(r.Chat, r.ID, &waE2E.Message{EventMessage: m}),
	})
}
