package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The machine's clock is not ours to step. The programs under test are built
// with a package time whose Now adds what stands in a file of the lab; the
// monotonic reading, and with it every timer, stays as it is.

//go:embed step.go.txt
var stepSource string

// Where the standard library reads the wall clock, and for every caller: Since
// and Until of a time that has lost its monotonic reading call Now.
const (
	nowAnchor = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	nowStep   = "\tsec = stepped(sec)\n"
)

// overlay writes into dir what `go build -overlay` needs, and returns the file
// that names it. The build cache goes by the content, so that everything is
// compiled anew for the first run only.
func overlay(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find the standard library: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("read the standard library: %w", err)
	}
	if strings.Count(string(text), nowAnchor) != 1 {
		return "", fmt.Errorf("%s does not read the clock as expected: clock steps have to be adapted", original)
	}
	changed := strings.Replace(string(text), nowAnchor, nowAnchor+nowStep, 1)
	replace := map[string]string{}
	for name, part := range map[string]struct{ of, text string }{
		"time.go": {original, changed},
		"step.go": {filepath.Join(filepath.Dir(original), "step_chaos.go"), stepSource},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(part.text), 0o600); err != nil {
			return "", fmt.Errorf("write overlay: %w", err)
		}
		replace[part.of] = path
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// clock is by how much the programs' clocks are wrong.
type clock struct {
	page []byte
	step *int64 // in seconds; written with sync/atomic, read by the programs
}

// openClock makes the file that the programs map.
func openClock(path string) (c *clock, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	const size = int(unsafe.Sizeof(*c.step))
	if err := file.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	page, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map clock: %w", err)
	}
	return &clock{page: page, step: (*int64)(unsafe.Pointer(&page[0]))}, nil
}

func (c *clock) close() error { return unix.Munmap(c.page) }

func (c *clock) set(wrong time.Duration) { atomic.StoreInt64(c.step, int64(wrong/time.Second)) }

// stepClock lets manager and workers have a wrong clock for a while, and then
// the true one. It is a hit when both were seen to have it.
func (l *chaosLab) stepClock(ctx context.Context, f fault) (hit bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.length)
	defer cancel()
	began := time.Now()
	l.clock.set(f.step)
	defer l.clock.set(0)
	tick := time.NewTicker(100 * ms)
	defer tick.Stop()
	manager, worker := false, false
	for {
		manager = manager || l.managerHas(ctx, f.step)
		for _, s := range l.instances {
			worker = worker || s.has(f.step, began)
		}
		select {
		case <-ctx.Done():
			if !manager || !worker {
				l.o.say("a clock step of %s was not seen: manager %t, worker %t", f.step, manager, worker)
			}
			return manager && worker, nil
		case <-tick.C:
		}
	}
}

// wrongBy is true for a time that a clock which is wrong by step told just now.
func wrongBy(told, now time.Time, step time.Duration) bool {
	return (told.Sub(now) - step).Abs() < time.Minute
}

func (l *chaosLab) managerHas(ctx context.Context, step time.Duration) bool {
	answer, err := l.stack.Client.Do(ctx, http.MethodGet, "/api/health", nil)
	if err != nil {
		return false // it is being restarted
	}
	var health struct {
		Timestamp time.Time `json:"timestamp"`
	}
	return answer.Into(&health) == nil && wrongBy(health.Timestamp, time.Now(), step)
}

// has tells whether an event that came since was committed by a worker whose
// clock is wrong by step.
func (s *instanceUnderTest) has(step time.Duration, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.cameAt.After(since) && wrongBy(s.stream.committed, s.stream.cameAt, step)
}
