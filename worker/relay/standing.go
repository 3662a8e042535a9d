package relay

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/wording"
)

// The codes with which WhatsApp refuses a message because of its number, and not because
// of the message.
const (
	ackLocked    = 463 // the reach-out time lock
	ackOverlimit = 429
)

// CodeLocked is the code of a message that WhatsApp refused because of the reach-out time
// lock.
const CodeLocked = "reachout_time_lock"

// standingTime bounds the writing down of what WhatsApp said about the number.
const standingTime = 5 * time.Second

// refusedWith returns the code with which WhatsApp refused a message, 0 for any other
// error.
func refusedWith(err error) int {
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		return 0
	}
	return wording.RefusalCode(err)
}

// turnedAway tells whether WhatsApp refused a message for its number's sake at the first
// try, so that nothing of it was delivered.
func turnedAway(took whatsmeow.MessageDebugTimings, err error) bool {
	code := refusedWith(err)
	return took.Retry == 0 && (code == ackLocked || code == ackOverlimit)
}

// ackFault is the error of a message that was refused for its number's sake; nil for any
// other.
func ackFault(err error) *fault.Error {
	switch refusedWith(err) {
	case ackLocked:
		f := fault.Wrap(fault.RateLimited, Op, err, "WhatsApp lets this number open no new chats for a while")
		f.Code, f.RetryAfter = CodeLocked, time.Hour
		return f
	case ackOverlimit:
		f := fault.Wrap(fault.RateLimited, Op, err, "WhatsApp refused: 429 rate-overlimit")
		f.Code, f.RetryAfter = "wa_429", time.Minute
		return f
	}
	return nil
}

// heed writes down what an error says about the number, and returns its fault with the
// time until which that holds.
func (c *Call) heed(ctx context.Context, err error, f *fault.Error) *fault.Error {
	code := refusedWith(err)
	iq, asked := errors.AsType[*whatsmeow.IQError](err)
	var notice *standing.Notice
	switch {
	case code == ackLocked:
		notice = &standing.Notice{Kind: standing.LockRefused, At: time.Now()}
	case code == ackOverlimit, asked && iq.Code == 429:
		notice = &standing.Notice{Kind: standing.Overlimit, At: time.Now()}
	case code == 0:
		return f
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTime)
	defer cancel()
	known, err := c.Mirror.NoteStanding(ctx, notice, code)
	if err != nil {
		c.Log.Warn().Err(err).Msg("what WhatsApp said about the number could not be written down")
		return f
	}
	if code == ackLocked && known.Lock.Until != nil {
		f.RetryAfter = max(time.Until(*known.Lock.Until), time.Second)
	}
	return f
}
