package sends

import (
	"errors"
	"testing"

	"whatsapp-manager/proto/fault"
)

// The worker's word comes first, WhatsApp's refusal before it, and the kind where
// nothing was said.
func TestOutcomes(t *testing.T) {
	for _, tc := range []struct {
		kind fault.Kind
		sent fault.Sent
		want Outcome
	}{
		{fault.Offline, fault.SentNothing, NotSent},
		{fault.Internal, fault.SentNothing, NotSent},
		{fault.RateLimited, fault.SentNothing, NotSent},
		{fault.Refused, fault.SentNothing, Refused},
		{fault.Refused, fault.SentPerhaps, Refused},
		{fault.Refused, fault.SentUnsaid, Refused},
		{fault.Invalid, fault.SentPerhaps, Unknown},
		{fault.RateLimited, fault.SentPerhaps, Unknown},
		{fault.Invalid, fault.SentUnsaid, NotSent},
		{fault.NotFound, fault.SentUnsaid, NotSent},
		{fault.Conflict, fault.SentUnsaid, NotSent},
		{fault.Unpaired, fault.SentUnsaid, NotSent},
		{fault.Unimplemented, fault.SentUnsaid, NotSent},
		{fault.TooLarge, fault.SentUnsaid, NotSent},
		{fault.RateLimited, fault.SentUnsaid, NotSent},
		{fault.Offline, fault.SentUnsaid, Unknown},
		{fault.Unavailable, fault.SentUnsaid, Unknown},
		{fault.Deadline, fault.SentUnsaid, Unknown},
		{fault.Internal, fault.SentUnsaid, Unknown},
	} {
		t.Run(string(tc.kind)+" "+string(tc.sent), func(t *testing.T) {
			if got := outcomeOf(&fault.Error{Kind: tc.kind, Sent: tc.sent}); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
	if got := outcomeOf(nil); got != Sent {
		t.Errorf("no error: got %d", got)
	}
	if got := outcomeOf(errors.New("boom")); got != Unknown {
		t.Errorf("an error without a kind: got %d", got)
	}
}
