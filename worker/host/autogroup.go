package host

import (
	"os"
	"sync"
	"time"
)

const (
	autogroupFile = "/proc/self/autogroup"
	niceLowest    = "19"
	niceNormal    = "0"
	lowerFor      = 2 * time.Second
)

// AutogroupNice lowers the process below all others while it works off more than its
// share. A worker is a session of its own, and so a group of the kernel's automatic
// grouping (sched(7)); the niceness of a group may be reset without any privilege.
// Where the kernel does not group by session nothing changes. It is safe for
// concurrent use.
type AutogroupNice struct {
	file *os.File // nil where the kernel has no groups

	mu    sync.Mutex
	timer *time.Timer // guarded by mu; runs while the niceness is low
}

// OpenAutogroup has to come before the confinement.
func OpenAutogroup() *AutogroupNice {
	file, err := os.OpenFile(autogroupFile, os.O_WRONLY, 0)
	if err != nil {
		return &AutogroupNice{}
	}
	return &AutogroupNice{file: file}
}

// Lower holds until two seconds after its last call.
func (n *AutogroupNice) Lower() {
	if n.file == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Reset(lowerFor)
		return
	}
	if !n.write(niceLowest) {
		return // the kernel accepts a few changes a second from all processes together
	}
	n.timer = time.AfterFunc(lowerFor, n.restore)
}

func (n *AutogroupNice) restore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.write(niceNormal) {
		n.timer.Reset(lowerFor)
		return
	}
	n.timer = nil
}

func (n *AutogroupNice) write(niceness string) bool {
	_, err := n.file.WriteString(niceness)
	return err == nil
}
