package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// NewIdentity describes this process so that no later one with the same PID is taken
// for it.
func NewIdentity(boot *workerv1.Bootstrap, build string) (workerv1.Identity, error) {
	ticks, err := startTicks()
	if err != nil {
		return workerv1.Identity{}, err
	}
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return workerv1.Identity{}, fmt.Errorf("read boot id: %w", err)
	}
	return workerv1.Identity{
		Instance:   boot.GetInstance(),
		Generation: boot.GetGeneration(),
		PID:        os.Getpid(),
		StartTicks: ticks,
		BootID:     strings.TrimSpace(string(bootID)),
		Build:      build,
		Protocol:   workerv1.Protocol,
	}, nil
}

// startTicks is field 22 of /proc/self/stat. The command name in field 2 may
// hold spaces and parentheses, so fields are counted from the last ')'.
func startTicks() (uint64, error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, fmt.Errorf("read process status: %w", err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("read process status: %d fields after the name", len(fields))
	}
	ticks, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read start ticks: %w", err)
	}
	return ticks, nil
}
