package worker

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/link"
)

// How long a connection that is open and dead can look alive, with the times
// that are shipped. Closing it and dialling again takes whatsmeow ten seconds
// at most, since the other end does not answer the close.
func TestADeadConnectionIsFoundInTime(t *testing.T) {
	const bound, mending = 90 * time.Second, 10 * time.Second
	silence := Tuning{}.withDefaults().Silence
	if worst := silence + silence/silenceLooks + mending; worst > bound {
		t.Errorf("nothing is heard: mended after %v, want %v", worst, bound)
	}
	if worst := link.KeepAliveLimit*(whatsmeow.KeepAliveIntervalMax+whatsmeow.KeepAliveResponseDeadline) + mending; worst > bound {
		t.Errorf("nothing is answered: mended after %v, want %v", worst, bound)
	}
	// A healthy connection is not taken for a dead one, although its answers are slow.
	if quiet := whatsmeow.KeepAliveIntervalMax + whatsmeow.KeepAliveResponseDeadline; quiet >= silence {
		t.Errorf("%v pass without a byte on a healthy connection, and it is given up after %v", quiet, silence)
	}
}

// whatsmeow goes on after five minutes with what came behind.
func TestAHandlerEndsInTime(t *testing.T) {
	limit := Tuning{}.withDefaults().HandlerLimit
	if limit+limit/stuckShare > 5*time.Minute {
		t.Errorf("a handler may take %v, and more until the worker ends", limit)
	}
}
