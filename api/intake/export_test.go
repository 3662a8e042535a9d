package intake

import (
	"testing"
	"time"
)

// Hurry makes the waiting short until the test ends.
func Hurry(t *testing.T, first, linger time.Duration, bytes int64) {
	t.Helper()
	f, l, n := firstTime, lingerTime, lingerBytes
	firstTime, lingerTime, lingerBytes = first, linger, bytes
	t.Cleanup(func() { firstTime, lingerTime, lingerBytes = f, l, n })
}
