package apart

import (
	"fmt"
	"runtime/debug"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

const (
	softMemory = 1 << 30
	hardMemory = 4 << 30 // of addresses, of which Go reserves many
	cpuSeconds = 100
	maxFile    = 1 << 30
)

// confine takes from the process what it does not need. On a kernel without Landlock the
// limits alone hold.
func confine(dir string) error {
	debug.SetMemoryLimit(softMemory)
	for what, most := range map[int]uint64{
		unix.RLIMIT_AS: hardMemory, unix.RLIMIT_CPU: cpuSeconds, unix.RLIMIT_FSIZE: maxFile, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 64,
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
