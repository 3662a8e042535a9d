package worker

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types/events"
	"golang.org/x/time/rate"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/worker/host"
)

// receiptsPerMessage is how many receipts cost as much as a message.
const receiptsPerMessage = 4

// pace is how fast messages are handled, so that a flood into one account leaves the
// machine to the others. While more wait, the process also stands back behind others.
type pace struct {
	limiter *rate.Limiter
	nice    *host.AutogroupNice
}

// newPace has to come before the confinement. Zero is as fast as possible.
func newPace(perSecond uint32) *pace {
	return &pace{limiter: newLimiter(perSecond), nice: host.OpenAutogroup()}
}

// newLimiter lets a quarter of a second's worth of messages through at once.
func newLimiter(perSecond uint32) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	tokens := int(perSecond) * receiptsPerMessage
	return rate.NewLimiter(rate.Limit(tokens), max(tokens/4, receiptsPerMessage))
}

// wait returns when it is time for a message or receipt, or when ctx ends.
func (p *pace) wait(ctx context.Context, evt any) {
	tokens := 1
	switch evt.(type) {
	case *events.Message, *events.UndecryptableMessage:
		tokens = receiptsPerMessage
	case *events.Receipt:
	default:
		return
	}
	delay := p.limiter.ReserveN(time.Now(), tokens).Delay()
	if delay <= 0 {
		return
	}
	p.nice.Lower()
	_ = backoff.Sleep(ctx, delay) // the handler looks at the context itself
}
