package main

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	leastManagerMemory = 256 << 20
	mostManagerMemory  = 2 << 30 // unless somebody asks for more
	// bodiesInMemory is how many of the largest bodies the manager's limit has
	// room for, at the least: one is there three times while it is handed on.
	bodiesInMemory = 8

	leastWorkerMemory = 64 << 20
	usualMediaBody    = 32 << 20
	mostMediaBody     = 64 << 20
	mostFile          = 2 << 30 // WhatsApp takes no larger one
	// bodiesInWorker: a worker holds a file several times while it is decoded and
	// encrypted.
	bodiesInWorker = 8
)

// derivedMemory is the manager's share of a machine or container of that size:
// a quarter, since workers and Postgres live there as well.
func derivedMemory(size, mediaBody uint64) uint64 {
	return max(min(size/4, mostManagerMemory), leastManagerMemory, bodiesInMemory*mediaBody)
}

// machineMemory is what the container or the machine has, whichever is less.
func machineMemory() uint64 {
	least := uint64(math.MaxUint64)
	for _, ask := range []func() (uint64, error){memlimit.FromCgroup, memlimit.FromSystem} {
		if n, err := ask(); err == nil && n > 0 { // no cgroup is no error of ours
			least = min(least, n)
		}
	}
	return least
}

// limitMemory lets the garbage collector work harder before the manager holds
// more than limit bytes. Go's own GOMEMLIMIT wins. It returns the limit in force.
func limitMemory(limit uint64) uint64 {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(limit))
		return limit
	}
	if set := debug.SetMemoryLimit(-1); set < math.MaxInt64 {
		return max(uint64(set), leastManagerMemory)
	}
	return limit
}

// requestMemory is how much of it requests under way may hold.
func requestMemory(limit, mediaBody uint64) int64 {
	return int64(max(limit/2, bodiesInMemory*mediaBody))
}
