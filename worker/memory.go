package worker

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	softLimitPercent = 80 // of the hard limit L; above it Go collects harder
	idleBeforeFree   = 10 * time.Second
	freeLook         = 5 * time.Second
	worthFreeing     = 4 << 20
	// defaultLimit is what shares of the memory are counted from where there is no limit.
	defaultLimit = 512 << 20
	oomScoreAdj  = "300"
)

// limitMemory sets Go's soft limit and the kernel's, and offers this process to the kernel's
// out-of-memory killer before the manager, whose score it inherited.
func limitMemory(hardLimit, dataLimit uint64) {
	if hardLimit > 0 {
		debug.SetMemoryLimit(int64(hardLimit / 100 * softLimitPercent))
	}
	if dataLimit > 0 {
		// A lower limit that was set before stays.
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: dataLimit, Max: dataLimit})
	}
	// Raising one's own score needs no privilege; a kernel without the file changes nothing.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(oomScoreAdj), 0o644)
}

// fileMemory is what files that calls have in their hands may take, in bytes:
// five eighths of the limit, so that the rest goes on.
func fileMemory(hardLimit uint64) int64 { return int64(cmp.Or(hardLimit, defaultLimit) / 8 * 5) }

// historyMemory is what one part of a history may have once unpacked, and once
// read, in bytes.
func historyMemory(hardLimit uint64) (unpacked, read int64) {
	l := int64(cmp.Or(hardLimit, defaultLimit))
	return l / 8, l / 8 * 3
}

// idleFreer gives memory back to the system when nothing happened for a while
// after a burst. The first collection of a worker may otherwise be hours away.
type idleFreer struct {
	last atomic.Int64 // nanoseconds since born at the newest call or event
}

func (f *idleFreer) touch() { f.last.Store(moment()) }

func (f *idleFreer) run(ctx context.Context) {
	tick := time.NewTicker(freeLook)
	defer tick.Stop()
	var freed int64
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			last := f.last.Load()
			if last == freed || now.Sub(born)-time.Duration(last) < idleBeforeFree {
				continue
			}
			freed = last
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapSys-m.HeapReleased > worthFreeing {
				debug.FreeOSMemory()
			}
		}
	}
}
