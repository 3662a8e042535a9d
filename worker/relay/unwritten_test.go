package relay

import (
	"context"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"
)

func TestUnwritten(t *testing.T) {
	lost := &whatsmeow.DisconnectedError{Action: "message send"}
	wrapped := func(err error) error { return fmt.Errorf("failed to send message node: %w", err) }
	for _, tc := range []struct {
		name string
		took whatsmeow.MessageDebugTimings
		err  error
		want bool
	}{
		{"look-up failed", whatsmeow.MessageDebugTimings{LIDFetch: 1, PeerEncrypt: 1}, lost, true},
		{"no connection to write to", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(whatsmeow.ErrNotConnected), true},
		{"connection closed before", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(socket.ErrSocketClosed), true},
		{"broke off while it was written", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(context.Canceled), false},
		{"no answer", whatsmeow.MessageDebugTimings{Send: 1}, whatsmeow.ErrMessageTimedOut, false},
		{"lost after it", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, lost, false},
		{"no connection for the second try", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, whatsmeow.ErrNotConnected, false},
		{"second try closed", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, socket.ErrSocketClosed, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := unwritten(tc.took, tc.err); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
