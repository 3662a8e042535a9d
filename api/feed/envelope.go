package feed

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"whatsapp-manager/api/qr"
	"whatsapp-manager/proto/event"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Envelope is an event as receivers get it, the same in webhooks and streams.
// ID is stable: the same event has the same ID in every delivery, so a
// receiver may drop what it has seen.
type Envelope struct {
	ID        string          `json:"id"` // evt_<instance>_<seq>
	Instance  supervisor.ID   `json:"instanceId"`
	Seq       uint64          `json:"seq"` // dense and rising per instance
	Event     string          `json:"event"`
	Timestamp time.Time       `json:"timestamp"`           // when it was committed
	Data      json.RawMessage `json:"data"`                // the first argument of the whatsapp-web.js event, null if it has none
	Args      json.RawMessage `json:"args"`                // all its arguments, in order
	Truncated []string        `json:"truncated,omitempty"` // what was left out because it is too long
}

// EventID is the stable id of the event with that position in a feed.
func EventID(instance supervisor.ID, seq uint64) string {
	return fmt.Sprintf("evt_%s_%d", instance, seq)
}

func wrap(ev store.Event, raw bool) (Envelope, error) {
	payload, err := event.Decode(ev.Payload)
	if err != nil {
		return Envelope{}, fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	if ev.Type == linking.Event {
		payload = illustrate(payload)
	}
	if raw {
		if payload, err = splice(payload); err != nil {
			return Envelope{}, fmt.Errorf("event %d: %w", ev.Seq, err)
		}
	}
	return Envelope{
		ID: EventID(ev.Instance, ev.Seq), Instance: ev.Instance, Seq: ev.Seq, Event: ev.Type,
		Timestamp: ev.At.UTC(), Data: payload.Data, Args: payload.Args, Truncated: payload.Truncated,
	}, nil
}

// illustrate draws the code of a link document. No worker can: it holds no code that draws,
// and the picture would lie in the feed beside the text that says the same.
func illustrate(p event.Payload) event.Payload {
	var doc linking.LinkDocument
	if json.Unmarshal(p.Data, &doc) != nil || doc.QR == "" {
		return p
	}
	code, err := qr.New(doc.QR)
	if err == nil {
		doc.QRCode, err = code.DataURL(qr.ForScreens)
	}
	if err != nil {
		return p // a text that is too long for a picture is still a text
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return p
	}
	return event.Payload{Data: data, Args: slices.Concat(json.RawMessage("["), data, json.RawMessage("]"))}
}
