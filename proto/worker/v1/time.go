package workerv1

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// TimeOf is the time of a timestamp, nil where there is none.
func TimeOf(ts *timestamppb.Timestamp) *time.Time {
	if ts == nil {
		return nil
	}
	t := ts.AsTime()
	return &t
}
