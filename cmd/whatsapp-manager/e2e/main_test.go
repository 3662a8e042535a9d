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
	"path/filepath"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/lab"
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
	ctx := context.Background()
	l, err := lab.Start(ctx, "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := runIn(ctx, m, l)
	if err := l.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "end the lab:", err)
		code = 1
	}
	return code
}

func runIn(ctx context.Context, m *testing.M, l *lab.Lab) int {
	bin, sim = l.Bin, l.Sim
	err := lab.Build(ctx, bin, nil, lab.Program{Package: lab.Manager}, lab.Program{Package: lab.Worker})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if player, err = os.Executable(); err == nil && raceDetector {
		player = filepath.Join(bin, "player")
		build := exec.Command("go", "test", "-c", "-o", player, ".")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "program that plays workers:", err)
		return 1
	}
	code := m.Run()
	if err := common.end(); err != nil {
		fmt.Fprintln(os.Stderr, "end the common stack:", err)
		code = max(code, 1)
	}
	return code
}

// common is one stack for all tests that ask for no settings of their own, and neither
// end a process nor look at more than the accounts and instances that they make.
var common shared

type shared struct {
	once  sync.Once
	stack *stack.Stack
	err   error
}

func (c *shared) start(t *testing.T) *stack.Stack {
	t.Helper()
	c.once.Do(func() { // the test that comes first may not be the last
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		c.stack, c.err = stack.Start(ctx, stack.Options{Bin: bin, Endpoint: sim.Endpoint()})
	})
	if c.err != nil {
		t.Fatal("start the common stack:", c.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.stack.Tail())
		}
	})
	return c.stack
}

func (c *shared) end() error {
	if c.stack == nil {
		return nil
	}
	return c.stack.Close()
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
