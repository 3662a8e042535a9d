package mirror

import (
	"context"
	"errors"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

// Apply writes one change and its events in one transaction. A redelivery
// changes nothing and succeeds. After an error nothing was written, or all of
// it was and the next try will find that out. ErrFenced is final.
func (m *Mirror) Apply(ctx context.Context, change inbound.Change) error {
	return errors.New("not built yet")
}

// RecordSent writes what this device has sent and the server has acknowledged
// (see inbound.Sent), with its events, and returns the message as it is now,
// receipts that were faster included. For a reaction, an edit or a revocation
// it returns the message that was changed. A second call for the same message
// changes nothing and returns it.
func (m *Mirror) RecordSent(ctx context.Context, change inbound.Change) (shape.Message, error) {
	return shape.Message{}, errors.New("not built yet")
}
