package problem

import (
	"testing"

	"whatsapp-manager/proto/fault"
)

func TestEveryKindOfFaultHasAStatus(t *testing.T) {
	for _, kind := range []fault.Kind{
		fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Conflict, fault.Unpaired, fault.Offline, fault.Starting, fault.Stopped,
		fault.RateLimited, fault.Refused, fault.Unimplemented, fault.TooLarge, fault.Deadline, fault.Unavailable, fault.Internal,
	} {
		if statusOf[kind] == 0 {
			t.Errorf("%s has none", kind)
		}
	}
}
