package connlimit

import (
	"testing"
	"time"
)

// HurryWrites makes the time for each part short until the test ends.
func HurryWrites(t *testing.T, d time.Duration) {
	t.Helper()
	before := writeTime
	writeTime = d
	t.Cleanup(func() { writeTime = before })
}
