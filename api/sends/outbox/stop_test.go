package outbox_test

import (
	"context"
	"testing"
)

// Who ends while the queue begins leaves nothing behind that goes on sending.
func TestAQueueThatEndsWhileItBeginsIsStopped(t *testing.T) {
	r, _ := newRig(t, -1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, r.last.Run(gone))
	select {
	case <-r.last.Stopped():
	default:
		t.Error("it still sends")
	}
}
