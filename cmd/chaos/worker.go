package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"whatsapp-manager/worker"
)

// chaosWorker is the name under which this program is the shipped worker with a
// leak that can be opened from outside. The lab builds it for that.
const chaosWorker = "chaos-worker"

// playWorker runs the worker when the program was called by its name.
func playWorker() bool {
	if filepath.Base(os.Args[0]) != chaosWorker {
		return false
	}
	trigger := leakOf(filepath.Dir(os.Args[0]), os.Getpid())
	os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin,
		worker.Options{Build: Build, Hook: func(w *worker.Running) { leak(trigger, w.Done) }}))
	return true
}

// leakOf names the file that makes one worker process leak. A process number in
// it keeps the next worker of the instance whole.
func leakOf(dir string, pid int) string { return filepath.Join(dir, fmt.Sprintf("leak-%d", pid)) }

// leak allocates without end once the trigger is there, until the worker ends.
func leak(trigger string, done <-chan struct{}) {
	tick := time.NewTicker(50 * ms)
	defer tick.Stop()
	var kept [][]byte
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if _, err := os.Stat(trigger); err != nil {
			continue
		}
		if kept == nil {
			debug.SetGCPercent(-1)
		}
		block := make([]byte, 8<<20)
		for i := range block {
			block[i] = byte(i)
		}
		kept = append(kept, block)
	}
}
