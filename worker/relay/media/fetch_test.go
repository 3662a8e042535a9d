package media

import (
	"context"
	"errors"
	"net"
	"testing"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/netguard"
)

// What the manager says of a connection is what the caller is told, and whether
// to try again.
func TestFetchingThroughTheManager(t *testing.T) {
	for _, tc := range []struct {
		why   string
		err   error
		kind  fault.Kind
		field string
		again bool
	}{
		{"the manager is away", egress.ErrAway, fault.Unavailable, "", true},
		{"too many at a time", egress.ErrBusy, fault.RateLimited, "", true},
		{"an internal address", netguard.ErrInternal, fault.Invalid, "params[0]", false},
		{"nobody there", egress.ErrUnreachable, fault.Invalid, "params[0]", false},
	} {
		t.Run(tc.why, func(t *testing.T) {
			files := New(Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, tc.err }})
			work := files.Work(nil)
			defer work.Release()
			_, err := work.FromURL(t.Context(), "https://example.org/photo.png", nil, "params[0]")
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != tc.kind || f.Field != tc.field || (f.RetryAfter > 0) != tc.again {
				t.Errorf("got %#v", err)
			}
		})
	}
}
