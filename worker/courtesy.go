package worker

import (
	"os"
	"sync"
	"time"
)

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
