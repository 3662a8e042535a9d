package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker"
)

// hostileWorker is the name under which this program is the shipped worker with
// code in it that obeys the attacker once it is given targets. The lab builds it for that.
const hostileWorker = "hostile-worker"

// Files in the run directory of the attacker's instance, through which the code
// inside and the program outside speak. Nothing else is writable for it.
const (
	targetsFile = "targets.json"
	reportFile  = "report.json"
)

// targets are what the code inside shall reach for. It has found them out by
// itself, let us say.
type targets struct {
	Manager      int    // process
	VictimWorker int    // process
	VictimID     string // instance
	VictimDevice string // JID of its device
	RunDir       string // of all instances
	DataDir      string
	API          string // address
	Closed       string // address of a listener on a port that no worker has any business with
}

// probe is one thing the code inside tried, and how it ended.
type probe struct {
	Tried string
	Error string // empty: it worked
	Got   bool   // the attacker has what it wanted
}

// playWorker runs the worker when the program was called by its name.
func playWorker() bool {
	if filepath.Base(os.Args[0]) != hostileWorker {
		return false
	}
	os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin, worker.Options{Build: hostileWorker, Hook: obey}))
	return true
}

// obey waits for targets until the worker ends and reports what came of them.
func obey(w *worker.Running) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-w.Done:
			return
		case <-tick.C:
		}
		var t targets
		if readJSON(filepath.Join(w.Bootstrap.GetRunDir(), targetsFile), &t) != nil {
			continue
		}
		report := reach(context.Background(), w.Bootstrap, t)
		if err := writeJSON(filepath.Join(w.Bootstrap.GetRunDir(), reportFile), report); err != nil {
			fmt.Fprintln(os.Stderr, "hostile worker:", err)
		}
		return
	}
}

// reach tries everything that code inside a worker could.
func reach(ctx context.Context, boot *workerv1.Bootstrap, t targets) []probe {
	var all []probe
	all = append(all, reachFiles(t)...)
	all = append(all, reachProcesses(t)...)
	all = append(all, reachKernel()...)
	all = append(all, reachNetwork(ctx, t)...)
	return append(all, reachDatabase(ctx, boot, t)...)
}

func tried(what string, err error) probe {
	a := probe{Tried: what, Got: err == nil}
	if err != nil {
		a.Error = err.Error()
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			a.Error = errno.Error()
		}
	}
	return a
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// writeJSON makes the file appear whole.
func writeJSON(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
