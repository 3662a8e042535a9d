package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// disturbance is the share of the machine's CPU time, 0 to 1, that was in use
// while this program waited: what other programs took, which the figures that
// follow would otherwise be blamed for. Time that the host gave to other
// machines counts too.
func disturbance(d time.Duration) (float64, error) {
	busyBefore, allBefore, err := cpuTicks()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	busy, all, err := cpuTicks()
	if err != nil || all == allBefore {
		return 0, err
	}
	return float64(busy-busyBefore) / float64(all-allBefore), nil
}

// cpuTicks reads the first line of /proc/stat: user, nice, system, idle, iowait,
// irq, softirq, steal; guest times are contained in user.
func cpuTicks() (busy, all uint64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("read CPU times: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0, 0, fmt.Errorf("read CPU times: %q has too few fields", line)
	}
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read CPU times: %w", err)
		}
		all += ticks
		if i != 3 && i != 4 {
			busy += ticks
		}
	}
	return busy, all, nil
}
