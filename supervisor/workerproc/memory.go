package workerproc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Memory is what a worker occupies, in bytes.
type Memory struct {
	Resident uint64 // VmRSS: what people and tools call RSS
	Own      uint64 // without the file pages that all workers share: what is judged
}

// ReadMemory reads what the kernel says of a live process.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return Memory{}, fmt.Errorf("read memory of %d: %w", pid, err)
	}
	var m Memory
	var anon, shmem uint64
	split := false
	for line := range bytes.Lines(b) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		var to *uint64
		switch string(key) {
		case "VmRSS":
			to = &m.Resident
		case "RssAnon":
			to, split = &anon, true
		case "RssShmem":
			to = &shmem
		default:
			continue
		}
		f := bytes.Fields(rest)
		if len(f) == 0 {
			continue
		}
		kb, err := strconv.ParseUint(string(f[0]), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("read memory of %d: %w", pid, err)
		}
		*to = kb << 10
	}
	m.Own = anon + shmem
	if !split { // a kernel that does not tell them apart
		m.Own = m.Resident
	}
	return m, nil
}

// MemoryGuard judges one worker's memory from look to look. Its zero value is
// ready. It is not safe for concurrent use.
type MemoryGuard struct {
	over   int  // looks in a row above the limit
	warned bool // above 85 % at the last look
}

// Judge reports whether the worker has to go (above the limit on two looks in a
// row, or once above 1.25 of it) and whether it has just passed 85 % of it.
func (g *MemoryGuard) Judge(own, limit uint64) (evict, warn bool) {
	near := own > limit/100*85
	warn = near && !g.warned
	g.warned = near
	if own <= limit {
		g.over = 0
		return false, warn
	}
	g.over++
	return g.over >= 2 || own > limit+limit/4, warn
}
