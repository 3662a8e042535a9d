package host

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

// LimitMemory sets Go's soft limit and the kernel's data limit; zero sets none. It also
// has the kernel's out-of-memory killer take this process before the manager, whose
// score it inherited.
func LimitMemory(hardLimit, dataLimit uint64) {
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

// FileMemory is how many bytes the files of all calls may take together: five eighths
// of the limit, so that all other work goes on.
func FileMemory(hardLimit uint64) int64 { return int64(cmp.Or(hardLimit, defaultLimit) / 8 * 5) }

// HistoryMemory is how many bytes one part of a history may have after unpacking, and
// how many it may take after parsing.
func HistoryMemory(hardLimit uint64) (unpacked, read int64) {
	l := int64(cmp.Or(hardLimit, defaultLimit))
	return l / 8, l / 8 * 3
}

// started is what times are counted from: the wall clock may be set meanwhile.
var started = time.Now()

// IdleFreer gives memory back to the system when nothing happened for a while after a
// burst. Otherwise the next garbage collection of a worker may be hours away. The zero
// value is ready for use.
type IdleFreer struct {
	last atomic.Int64 // time of the newest call or event, in nanoseconds since started
}

// Touch says that a call or an event came.
func (f *IdleFreer) Touch() { f.last.Store(int64(time.Since(started))) }

// Run frees memory until ctx ends.
func (f *IdleFreer) Run(ctx context.Context) {
	tick := time.NewTicker(freeLook)
	defer tick.Stop()
	var freed int64
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			last := f.last.Load()
			if last == freed || now.Sub(started)-time.Duration(last) < idleBeforeFree {
				continue
			}
			freed = last
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapSys-m.HeapReleased > worthFreeing {
				runtime.GC() // what lies in pools is only garbage at the second collection
				debug.FreeOSMemory()
			}
		}
	}
}
