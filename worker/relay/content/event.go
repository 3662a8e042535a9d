package content

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
)

// KindEvent is a ScheduledEvent; its value is an Event.
var KindEvent = param.Object("ScheduledEvent", (*Event).check)

// Event is whatsapp-web.js' ScheduledEvent.
type Event struct {
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

func (e *Event) check(path string) (err error) {
	if e.Name = strings.TrimSpace(e.Name); e.Name == "" || utf8.RuneCountInString(e.Name) > param.MaxTitle {
		return param.Bad(path+".name", "expected the name of the event, of 1 to 100 characters")
	}
	if e.start, err = eventTime(e.Start, e.At, path+".startTimeTs"); err != nil {
		return err
	}
	if e.start.IsZero() {
		return param.Bad(path+".startTimeTs", "expected when the event begins, in unix seconds")
	}
	if e.end, err = eventTime(e.Options.End, e.Options.Until, path+".eventSendOptions.endTimeTs"); err != nil {
		return err
	}
	switch e.Options.CallType {
	case "", "none", "video", "voice":
	default:
		return param.Bad(path+".eventSendOptions.callType", "expected video, voice or none")
	}
	return nil
}

// eventTime reads unix seconds, or else a Date.
func eventTime(seconds, date json.RawMessage, path string) (time.Time, error) {
	switch {
	case !param.IsNull(seconds):
		n, err := value.Number(seconds, path)
		if err != nil || n < 0 || n > 1e11 {
			return time.Time{}, param.Bad(path, "expected unix seconds")
		}
		return time.Unix(int64(n), 0), nil
	case !param.IsNull(date):
		return value.Time(date, path)
	}
	return time.Time{}, nil
}

// Build makes the message of the event; for a call it gets the link.
func (e *Event) Build(ctx context.Context, c *relay.Call) (*waE2E.EventMessage, error) {
	m := &waE2E.EventMessage{
		Name: &e.Name, Description: value.OrNil(e.Options.Description),
		StartTime: proto.Int64(e.start.Unix()), IsCanceled: &e.Options.Canceled,
	}
	if !e.end.IsZero() {
		m.EndTime = proto.Int64(e.end.Unix())
	}
	if e.Options.Location != "" {
		m.Location = &waE2E.LocationMessage{
			Name: &e.Options.Location, DegreesLatitude: proto.Float64(0), DegreesLongitude: proto.Float64(0),
		}
	}
	if kind := e.Options.CallType; kind == "video" || kind == "voice" {
		link, err := CallLink(ctx, c, e.start, kind)
		if err != nil {
			return nil, err
		}
		m.JoinLink = &link
	}
	return m, nil
}

// Message implements Content.
func (e *Event) Message(
	ctx context.Context, c *relay.Call, _ Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	m, err := e.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	m.ContextInfo = info
	msg := &waE2E.Message{EventMessage: m}
	Seal(msg)
	return msg, nil
}

// Seal gives a poll or an event the secret with which votes, answers and edits are sealed.
// One that is sent on needs a secret of its own. Other messages stay as they are.
func Seal(m *waE2E.Message) {
	if message.Poll(m) == nil && m.GetEventMessage() == nil {
		return
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	m.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: secret}
}
