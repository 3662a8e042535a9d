package relay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// eventRows are about scheduled events.
var eventRows = []row{
	{name: "sendResponseToScheduledEvent", class: "Client", result: "boolean", need: needOnline, sends: true,
		params:  []param{{name: "response", kind: kindResponse, doc: "0 none, 1 going, 2 not going, 3 maybe"}, {name: "eventMessageId", kind: kindMsgID}},
		example: `[1,"false_120363000000000000@g.us_3EB0C431C26A1916E07E_4915123456789@c.us"]`,
		doc:     "Answers the invitation to an event; false for an answer outside 0 to 3 and for a message that is no event.", do: respondToEvent},
	{name: "Message.editScheduledEvent", class: "Message", result: "Message|null", need: needOnline, sends: true,
		params:  []param{{name: "messageId", kind: kindMsgID}, {name: "editedEventObject", kind: kindEvent}},
		example: `["true_120363000000000000@g.us_3EB0C431C26A1916E07E_4915123456789@c.us",{"$type":"ScheduledEvent","name":"Lunch","startTimeTs":1767225600}]`,
		doc:     "Changes this event and returns it; null for an event of somebody else, or a cancelled one.", do: ofMessage(editEvent)},
}

var (
	kindEvent    = kindObject("ScheduledEvent", (*scheduled).check)
	kindResponse = kind{"number", func(raw json.RawMessage, path string) (any, error) { return value.Number(raw, path) }}
)

// scheduled is whatsapp-web.js' ScheduledEvent.
type scheduled struct {
	Name    string          `json:"name"`
	Start   json.RawMessage `json:"startTimeTs"` // unix seconds
	At      json.RawMessage `json:"startTime"`   // a Date, as the constructor takes it
	Options struct {
		Description string          `json:"description"`
		End         json.RawMessage `json:"endTimeTs"`
		Until       json.RawMessage `json:"endTime"`
		Location    string          `json:"location"`
		CallType    string          `json:"callType"`
		Canceled    bool            `json:"isEventCanceled"`
	} `json:"eventSendOptions"`

	start, end time.Time
}

func (e *scheduled) check(path string) (err error) {
	if e.Name = strings.TrimSpace(e.Name); e.Name == "" || len(e.Name) > 400 {
		return bad(path+".name", "expected the name of the event, of 1 to 100 characters")
	}
	if e.start, err = eventTime(e.Start, e.At, path+".startTimeTs"); err != nil {
		return err
	}
	if e.start.IsZero() {
		return bad(path+".startTimeTs", "expected when the event begins, in unix seconds")
	}
	if e.end, err = eventTime(e.Options.End, e.Options.Until, path+".eventSendOptions.endTimeTs"); err != nil {
		return err
	}
	switch e.Options.CallType {
	case "", "none", "video", "voice":
	default:
		return bad(path+".eventSendOptions.callType", "expected video, voice or none")
	}
	return nil
}

// eventTime reads unix seconds, or else a Date.
func eventTime(seconds, date json.RawMessage, path string) (time.Time, error) {
	switch {
	case !isNull(seconds):
		n, err := value.Number(seconds, path)
		if err != nil || n < 0 || n > 1e11 {
			return time.Time{}, bad(path, "expected unix seconds")
		}
		return time.Unix(int64(n), 0), nil
	case !isNull(date):
		return value.Time(date, path)
	}
	return time.Time{}, nil
}

// build makes the message; a call gets its link.
func (e *scheduled) build(ctx context.Context, c *call) (*waE2E.EventMessage, error) {
	m := &waE2E.EventMessage{
		Name: &e.Name, Description: orNil(e.Options.Description), StartTime: proto.Int64(e.start.Unix()), IsCanceled: &e.Options.Canceled,
	}
	if !e.end.IsZero() {
		m.EndTime = proto.Int64(e.end.Unix())
	}
	if e.Options.Location != "" {
		m.Location = &waE2E.LocationMessage{Name: &e.Options.Location, DegreesLatitude: proto.Float64(0), DegreesLongitude: proto.Float64(0)}
	}
	if kind := e.Options.CallType; kind == "video" || kind == "voice" {
		link, err := callLink(ctx, &call{Table: c.Table, cli: c.cli, args: []any{e.start, kind}})
		if err != nil {
			return nil, err
		}
		m.JoinLink = proto.String(link.(string))
	}
	return m, nil
}

func (e *scheduled) message(ctx context.Context, c *call, _ sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	m, err := e.build(ctx, c)
	if err != nil {
		return nil, err
	}
	m.ContextInfo = info
	// Answers and edits are sealed with this secret.
	secret := make([]byte, 32)
	rand.Read(secret)
	return &waE2E.Message{EventMessage: m, MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: secret}}, nil
}

// seal encrypts an answer or an edit with the secret of the event's message.
func (c *call) seal(ctx context.Context, r mirror.Record, use whatsmeow.MsgSecretType, m proto.Message) (payload, iv []byte, key *waCommon.MessageKey, err error) {
	plain, err := proto.Marshal(m)
	if err != nil {
		return nil, nil, nil, err
	}
	group, _ := c.group(ctx, r.Chat)
	author := c.wireForm(ctx, r)
	me := c.cli.Store.GetLID().ToNonAD()
	if author.Server == types.DefaultUserServer || me.IsEmpty() {
		me = c.cli.Store.GetJID().ToNonAD()
	}
	//lint:ignore SA1019 whatsmeow seals polls and reactions only
	payload, iv, err = c.cli.DangerousInternals().EncryptMsgSecret(ctx, me, r.Chat, author, r.ID, use, plain)
	key = &waCommon.MessageKey{RemoteJID: proto.String(r.Chat.String()), FromMe: proto.Bool(r.FromMe), ID: &r.ID}
	if group != nil {
		key.Participant = proto.String(author.String())
	}
	return payload, iv, key, err
}

func respondToEvent(ctx context.Context, c *call) (any, error) {
	answer := arg[float64](c, 0)
	r, err := c.message(ctx, arg[shape.MessageID](c, 1))
	if err != nil {
		return nil, err
	}
	if answer != float64(int(answer)) || answer < 0 || answer > 3 || r.Raw == nil || shape.Unwrap(r.Raw).Message.GetEventMessage() == nil {
		return false, nil
	}
	payload, iv, key, err := c.seal(ctx, r, whatsmeow.EncSecretEventResponse, &waE2E.EventResponseMessage{
		Response: waE2E.EventResponseMessage_EventResponseType(int32(answer)).Enum(), TimestampMS: proto.Int64(time.Now().UnixMilli()), ExtraGuestCount: proto.Int32(0),
	})
	if err != nil {
		return nil, err
	}
	message := &waE2E.Message{EncEventResponseMessage: &waE2E.EncEventResponseMessage{EventCreationMessageKey: key, EncPayload: payload, EncIV: iv}}
	meta := []waBinary.Node{{Tag: "meta", Attrs: waBinary.Attrs{"event_type": "response"}}}
	_, _, err = c.deliver(ctx, r.Chat, message, whatsmeow.SendRequestExtra{ID: c.messageID, AdditionalNodes: &meta})
	return err == nil, err
}

func editEvent(ctx context.Context, c *call, r mirror.Record) (any, error) {
	edited := arg[scheduled](c, 1)
	if r.Raw == nil {
		return nil, nil
	}
	old := shape.Unwrap(r.Raw).Message.GetEventMessage()
	if old == nil {
		return nil, bad("params[0]", "this message is not an event")
	}
	if !r.FromMe || old.GetIsCanceled() {
		return nil, nil
	}
	m, err := edited.build(ctx, c)
	if err != nil {
		return nil, err
	}
	payload, iv, key, err := c.seal(ctx, r, whatsmeow.EncSecretEventEdit, &waE2E.Message{EventMessage: m})
	if err != nil {
		return nil, err
	}
	response, err := c.transmit(ctx, r.Chat, &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{
		TargetMessageKey: key, EncPayload: payload, EncIV: iv, SecretEncType: waE2E.SecretEncryptedMessage_EVENT_EDIT.Enum(),
	}}, whatsmeow.SendRequestExtra{ID: c.messageID})
	if err != nil {
		return nil, err
	}
	// Recorded as what it means.
	return c.record(ctx, inbound.Outgoing{Chat: r.Chat, ID: response.ID, At: response.Timestamp, Message: c.cli.BuildEdit(r.Chat, r.ID, &waE2E.Message{EventMessage: m})})
}
