package apart

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

const (
	softMemory = 768 << 20
	hardMemory = 1 << 30 // that can be written to
	addresses  = 4 << 30 // of which Go reserves many
	killFirst  = "1000"  // oom_score_adj: before the manager and the workers
	cpuSeconds = 100
	maxFile    = 1 << 30
)

// confine takes from the process what it does not need. On a kernel without Landlock the
// limits alone hold.
func confine(dir string) error {
	debug.SetMemoryLimit(softMemory)
	// Later the process may not open the file any more.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(killFirst), 0); err != nil {
		return fmt.Errorf("let the process be killed first: %w", err)
	}
	for what, most := range map[int]uint64{
		unix.RLIMIT_AS: addresses, unix.RLIMIT_DATA: hardMemory, unix.RLIMIT_CPU: cpuSeconds, unix.RLIMIT_FSIZE: maxFile, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 64,
	} {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limit the process: %w", err)
		}
	}
	if err := landlock.V5.BestEffort().RestrictPaths(landlock.RWDirs(dir)); err != nil {
		return fmt.Errorf("confine the process: %w", err)
	}
	if err := landlock.V5.BestEffort().RestrictNet(); err != nil {
		return fmt.Errorf("confine the process: %w", err)
	}
	return nil
}
