// Package e2e proves what the product promises with the product itself: real
// manager and worker processes, the embedded Postgres, the simulator's real
// Noise and Signal sessions, and signals that kill.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

var (
	bin    string        // directory of the built programs
	player string        // this test as a program, without the race detector
	sim    *wasim.Server // one for all tests: accounts keep them apart
)

func TestMain(m *testing.M) {
	if playWorker() {
		return
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wam-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-o", dir+"/", "whatsapp-manager/cmd/whatsapp-manager", "whatsapp-manager/cmd/whatsapp-worker")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the programs:", err)
		return 1
	}
	bin = dir
	if player, err = os.Executable(); err == nil && raceDetector {
		player = dir + "/player"
		build = exec.Command("go", "test", "-c", "-o", player, ".")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "program that plays workers:", err)
		return 1
	}
	sim = &wasim.Server{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(ctx) }()
	<-sim.Started()
	code := m.Run()
	cancel()
	if err := <-ended; err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		code = 1
	}
	return code
}

// start runs a stack for the test and ends it, with everything it started.
func start(t *testing.T, env ...string) *stack.Stack {
	t.Helper()
	return startWith(t, stack.Options{Env: env})
}

func startWith(t *testing.T, opts stack.Options) *stack.Stack {
	t.Helper()
	opts.Bin, opts.Endpoint = bin, sim.Endpoint()
	s, err := stack.Start(deadline(t, time.Minute), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Tail())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
