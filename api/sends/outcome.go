package sends

import (
	"errors"

	"whatsapp-manager/proto/fault"
)

// Outcome says what became of a send that was tried.
type Outcome int

// What may become of a send.
const (
	NotSent Outcome = iota // nothing was sent: it is as if the send had never been asked for
	Sent                   // WhatsApp has the message
	Refused                // WhatsApp was asked and said no
	Unknown                // nobody saw the end: the message may have been sent
)

func (o Outcome) String() string {
	return [...]string{NotSent: "not sent", Sent: "sent", Refused: "refused", Unknown: "unknown"}[o]
}

// outcomeOf judges the error of a call that a worker was asked to make. What the
// worker, or the connection to it, knows for certain stands in fault.Error.Sent.
// Where nothing is said, the kind decides: these kinds are found before anything
// is sent.
func outcomeOf(err error) Outcome {
	if err == nil {
		return Sent
	}
	kind := fault.KindOf(err)
	if kind == fault.Refused {
		return Refused
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		switch f.Sent {
		case fault.SentNothing:
			return NotSent
		case fault.SentPerhaps:
			return Unknown
		}
	}
	switch kind {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Unpaired, fault.Unimplemented, fault.TooLarge, fault.RateLimited:
		return NotSent
	}
	return Unknown
}
