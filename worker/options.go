package worker

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Options are what a program may set around the worker.
type Options struct {
	// Build is reported by Hello; "dev" when empty.
	Build string
	// Hook is called once in a goroutine of its own when a manager can attach to the
	// worker. It is for faults that tests wrap around a real worker.
	Hook func(*Running)
	// OnEvent is called with every event of whatsmeow before it is handled. A panic in it
	// counts as one of the handler's.
	OnEvent func(event any)
	// Tuning has the times that a test wants shorter.
	Tuning Tuning
}

// Tuning holds times and limits. Zero means the default.
type Tuning struct {
	CodeLife      time.Duration // of a QR code, 20 s; the first of a round lives three times longer
	PairingRounds int           // of codes until pairing has to be asked for again, 3
	OutageLimit   time.Duration // of the database until the link is taken down, 20 s
	// CiphertextWait is how long a message may stay unreadable before that is announced, 15 s.
	CiphertextWait time.Duration
	KeepAlive      time.Duration // between questions to WhatsApp, and for their answer; whatsmeow's own times
	HandlerLimit   time.Duration // until an event that cannot be recorded goes back to WhatsApp, 4 min
	Silence        time.Duration // of WhatsApp until the connection is made anew, one minute
	// ProofLife is how long an answer of a passkey stands in for the comparison of a code,
	// 5 min as WhatsApp has it. A shorter time makes people compare earlier.
	ProofLife time.Duration
}

func (t Tuning) withDefaults() Tuning {
	if t.CodeLife == 0 {
		t.CodeLife = 20 * time.Second
	}
	if t.PairingRounds == 0 {
		t.PairingRounds = 3
	}
	if t.OutageLimit == 0 {
		t.OutageLimit = 20 * time.Second
	}
	if t.ProofLife == 0 {
		t.ProofLife = 5 * time.Minute
	}
	if t.HandlerLimit == 0 {
		t.HandlerLimit = handlerLimit
	}
	if t.Silence == 0 {
		t.Silence = silenceLimit
	}
	if t.CiphertextWait == 0 {
		t.CiphertextWait = 15 * time.Second
	}
	return t
}

// Running is a live worker as a Hook sees it.
type Running struct {
	// Bootstrap is the document that the worker was started with.
	Bootstrap *workerv1.Bootstrap
	// Done is closed when the worker begins to end.
	Done <-chan struct{}
	// OnLoop has the main loop run fn, which holds up everything until it returns.
	OnLoop func(fn func())
}
