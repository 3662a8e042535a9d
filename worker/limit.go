package worker

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

const (
	// After five minutes whatsmeow leaves a handler alone and goes on with what
	// came next, out of order.
	handlerLimit  = 4 * time.Minute
	stuckShare    = 4  // of the limit, until a handler that does not heed its end ends the worker
	historyLimits = 10 // a part of the history may take that much longer: nothing waits for it
)

var errStuck = errors.New("a handler does not come to its end")

// limited gives a handler its context, which ends when the client does or after
// the limit; then the event is given back to WhatsApp and comes again. It has no
// deadline, because statements of a caller with one do not wait out an outage. A
// handler that does not heed its end is one that waits for what never comes, and
// everything behind it with it: the process ends, and its successor gets the
// event again.
func (c *core) limited(s *session, evt any) (ctx context.Context, done func()) {
	limit := c.tuning.HandlerLimit
	if m, ok := evt.(*events.Message); ok && m.Message.GetProtocolMessage().GetHistorySyncNotification() != nil {
		limit *= historyLimits
	}
	ctx, cancel := context.WithCancel(s.ctx)
	slow := time.AfterFunc(limit, cancel)
	stuck := time.AfterFunc(limit+c.tuning.HandlerLimit/stuckShare, func() { c.end("handler_stuck", errStuck) })
	return ctx, func() {
		slow.Stop()
		stuck.Stop()
		cancel()
	}
}
