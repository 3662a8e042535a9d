package worker

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/client"
)

const (
	// After five minutes whatsmeow leaves a handler alone and goes on with the next
	// event, out of order.
	handlerLimit  = 4 * time.Minute
	stuckShare    = 4  // of the limit: the time from a handler's deadline until it ends the worker
	historyLimits = 10 // a part of the history may take that many limits: nothing waits for it
)

var errStuck = errors.New("a handler does not end")

// withDeadline gives a handler its context, which ends with the client or after the
// limit. Then the event is given back to WhatsApp and comes again. The context has no
// deadline of its own, because a statement with a deadline does not wait for the end of
// an outage. A handler that ignores the end of its context waits for something that
// never comes, and holds up all later events. Then the process ends, and its successor
// gets the event again.
func (h *handler) withDeadline(cl *client.Client, evt any) (ctx context.Context, done func()) {
	limit := h.tuning.HandlerLimit
	if m, ok := evt.(*events.Message); ok && m.Message.GetProtocolMessage().GetHistorySyncNotification() != nil {
		limit *= historyLimits
	}
	ctx, cancel := context.WithCancel(cl.Context())
	slow := time.AfterFunc(limit, cancel)
	stuck := time.AfterFunc(limit+h.tuning.HandlerLimit/stuckShare, func() { h.end("handler_stuck", errStuck) })
	return ctx, func() {
		slow.Stop()
		stuck.Stop()
		cancel()
	}
}
