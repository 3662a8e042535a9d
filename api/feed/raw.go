package feed

import (
	"context"
	"fmt"

	"github.com/tidwall/sjson"

	"whatsapp-manager/proto/event"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Wanted is what a reader wants of a feed; the zero value is every event without raw content.
type Wanted struct {
	Events []string // none: all
	Raw    bool     // a Message has its raw content in _data.message
}

// rawPage is how many events a page has at most whose reader wants raw content: each may be
// a quarter of a mebibyte longer.
const rawPage = 50

// splice puts the raw content of an event's Message where Message.rawData has it: into
// _data of the first argument.
func splice(p event.Payload) (event.Payload, error) {
	key, value := "_data.message", []byte(p.Message)
	if p.Omitted {
		key, value = "_data.rawOmitted", []byte("true")
	}
	if len(value) == 0 {
		return p, nil
	}
	data, err := sjson.SetRawBytes(p.Data, key, value)
	if err != nil {
		return p, fmt.Errorf("add raw content: %w", err)
	}
	args, err := sjson.SetRawBytes(p.Args, "0."+key, value)
	if err != nil {
		return p, fmt.Errorf("add raw content: %w", err)
	}
	return event.Payload{Data: data, Args: args, Truncated: p.Truncated}, nil
}

// mayWantRaw refuses a reader who would wait in vain.
func (s *Streamer) mayWantRaw(ctx context.Context, id supervisor.ID) error {
	on, err := s.store.RawEvents(ctx, id)
	if err != nil {
		return err
	}
	if !on {
		return &fault.Error{
			Kind: fault.Conflict, Op: "feed.raw", Field: "raw", Code: "raw_events_off",
			Msg: `raw: the events of this instance carry no raw content; switch it on with PATCH /api/instances/{id} {"rawEvents":true}, or with a webhook that has "raw":true`,
		}
	}
	return nil
}

// changed has a change of a webhook take effect, and with raw that it wants raw content now,
// or does so no more.
func (h *webhooks) changed(ctx context.Context, e store.Endpoint, raw bool) {
	if raw {
		h.mount.RawEventsChanged(ctx, e.Instance)
	}
	h.deliver.Changed(ctx, e.ID)
}
