package worker

import (
	"os"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types/events"
	"golang.org/x/time/rate"
)

// receiptsPerMessage is how many receipts cost as much as a message.
const receiptsPerMessage = 4

// newPace is how fast messages may be handled, so that a flood into one account
// leaves the machine to the others; 0 is as fast as it goes. A quarter of a
// second's worth may come at once.
func newPace(perSecond uint32) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	tokens := int(perSecond) * receiptsPerMessage
	return rate.NewLimiter(rate.Limit(tokens), max(tokens/4, receiptsPerMessage))
}

// wait lets a message or receipt have its turn, unless the client ends.
func (c *core) wait(s *session, evt any) {
	tokens := 1
	switch evt.(type) {
	case *events.Message, *events.UndecryptableMessage:
		tokens = receiptsPerMessage
	case *events.Receipt:
	default:
		return
	}
	turn := c.pace.ReserveN(time.Now(), tokens).Delay()
	if turn <= 0 {
		return
	}
	c.courtesy.standBack()
	sleep(s.ctx, turn)
}

const (
	autogroup    = "/proc/self/autogroup"
	courteous    = "19"
	usual        = "0"
	courtesyLast = 2 * time.Second
)

// courtesy makes the process stand back behind all others while it works off
// more than its pace. A worker is a session of its own, and so a group of the
// kernel's automatic grouping (sched(7)), whose niceness may be lowered again
// without any privilege. Where the kernel does not group by session nothing
// changes.
type courtesy struct {
	file *os.File // nil where there is no such thing

	mu    sync.Mutex
	timer *time.Timer // guarded by mu; runs while the process stands back
}

// openCourtesy comes before the confinement.
func openCourtesy() *courtesy {
	file, err := os.OpenFile(autogroup, os.O_WRONLY, 0)
	if err != nil {
		return &courtesy{}
	}
	return &courtesy{file: file}
}

// standBack holds until nobody has called it for courtesyLast.
func (c *courtesy) standBack() {
	if c.file == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Reset(courtesyLast)
		return
	}
	if !c.write(courteous) {
		return // the kernel takes a few a second of everybody together
	}
	c.timer = time.AfterFunc(courtesyLast, c.comeForward)
}

func (c *courtesy) comeForward() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.write(usual) {
		c.timer.Reset(courtesyLast)
		return
	}
	c.timer = nil
}

func (c *courtesy) write(niceness string) bool {
	_, err := c.file.WriteString(niceness)
	return err == nil
}
