package sends

import (
	"bytes"
	"math"
	"time"
)

const (
	// slowest is the line, in bytes a second, on which a file still comes through.
	slowest = 256 << 10
	// largest is what a file of unknown size may be.
	largest = 2 << 30
)

// FileTime is how much longer than others a call may take that carries a file of
// this size, to fetch it and to bring it to WhatsApp. A transfer that stands still
// ends much earlier.
func FileTime(size int64) time.Duration {
	return time.Duration(min(max(size, 0), largest)) * time.Second / slowest
}

// Longer is FileTime of the files that parameters name by URL, whose size nobody
// knows yet; zero when they name none.
func Longer(params []byte) time.Duration {
	// In a text inside JSON the quotes would be escaped.
	if bytes.Contains(params, []byte(`"url"`)) {
		return FileTime(math.MaxInt64)
	}
	return 0
}
