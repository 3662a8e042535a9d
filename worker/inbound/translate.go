package inbound

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// Translate says what an event of whatsmeow means; false: nothing to record.
// An error is one of the ids' store and worth another try; what a stranger
// sent never makes one.
func Translate(ctx context.Context, acct Account, ids IDs, evt any) (Change, bool, error) {
	return Change{}, false, errors.New("not built yet")
}

// Outgoing is something this device has sent, after the server acknowledged it.
type Outgoing struct {
	Chat     types.JID // as given to SendMessage
	ID       string
	ServerID int // channels
	At       time.Time
	Message  *waE2E.Message // as given to SendMessage
	// Recipients is how many others a group message went to; 0 when not known.
	Recipients int
}

// Sent says what an own message, reaction, edit, revocation or vote means, for
// mirror.RecordSent: whatsmeow reports nothing that this device does itself.
func Sent(ctx context.Context, acct Account, ids IDs, out Outgoing) (Change, bool, error) {
	return Change{}, false, errors.New("not built yet")
}
