package e2e

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker"
	"whatsapp-manager/worker/wasim"
)

// The test binary plays a faulty worker when it is called by one of these
// names: the shipped worker with a fault added to it.
const (
	leakyWorker = "leaky-worker" // eats memory once the file "leak" stands beside the program
	crashWorker = "crash-worker" // exits with code 3 as soon as it runs
	hangWorker  = "hang-worker"  // hangs as hang says
)

func playWorker() bool {
	switch name := filepath.Base(os.Args[0]); name {
	case leakyWorker:
		trigger := filepath.Join(filepath.Dir(os.Args[0]), "leak")
		os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin,
			worker.Options{Build: name, Hook: func(*worker.Running) { go leak(trigger) }}))
	case hangWorker:
		os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin, worker.Options{Build: name, Hook: hang}))
	case crashWorker:
		os.Exit(3)
	}
	return false
}

// leak waits for the trigger and then allocates without end, 8 MiB at a time.
func leak(trigger string) {
	debug.SetGCPercent(-1)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var kept [][]byte
	for range tick.C {
		if _, err := os.Stat(trigger); err != nil {
			continue
		}
		block := make([]byte, 8<<20)
		for i := range block {
			block[i] = byte(i)
		}
		kept = append(kept, block)
		if len(kept) > 1<<12 {
			return
		}
	}
}

// faulty makes the test binary available under the name, in a directory of its
// own that the workers' user can look into.
func faulty(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := filepath.Join(dir, name)
	must(t, os.Symlink(player, path))
	return path
}

func TestAWorkerThatEatsMemoryIsReplaced(t *testing.T) {
	t.Parallel()
	program := faulty(t, leakyWorker)
	s := start(t, "WAM_WORKER_BINARY="+program, "WAM_WORKER_MEMORY_LIMIT=128MiB")
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	before, err := s.Client.Instance(t.Context(), alice.id)
	must(t, err)
	trigger := filepath.Join(filepath.Dir(program), "leak")
	must(t, os.WriteFile(trigger, nil, 0o600))
	grown, err := s.Client.Until(deadline(t, 60*time.Second), alice.id, "ended",
		func(in stack.Instance) bool { return in.PID != before.PID })
	must(t, err)
	must(t, os.Remove(trigger))
	in, err := s.Client.Ready(deadline(t, 60*time.Second), alice.id)
	must(t, err)
	if in.Generation < 2 || in.RestartCount < 1 {
		t.Errorf("after the limit: %+v", in)
	}
	if reason := grown.LastError + in.LastError + history(t, alice); !strings.Contains(reason, "memory") {
		t.Errorf("nothing says that memory was the reason: %q", reason)
	}
	oneEach(t, s, alice)
}

func TestAWorkerThatCrashesOnStartOpensTheBreaker(t *testing.T) {
	t.Parallel()
	s := start(t, "WAM_WORKER_BINARY="+faulty(t, crashWorker))
	ctx := deadline(t, 90*time.Second)
	id, key, err := s.Client.Create(ctx, "crashes")
	must(t, err)
	must(t, s.Client.Start(ctx, id))
	in, err := s.Client.Until(ctx, id, "failed", func(in stack.Instance) bool { return in.State == "failed" })
	must(t, err)
	if in.Status != "error" || !strings.Contains(in.LastError, "3") {
		t.Errorf("status %q, last error %q: the API must say why", in.Status, in.LastError)
	}
	answer, err := s.Client.Do(ctx, "POST", "/api/proxy/"+key+"/getState", map[string]any{"params": []any{}})
	must(t, err)
	if answer.Status != 503 && answer.Status != 409 {
		t.Errorf("a call to a failed instance answered %d %s", answer.Status, answer.Body)
	}
}

func history(t *testing.T, l *linked) string {
	t.Helper()
	answer, err := l.stack.Client.Do(deadline(t, 10*time.Second), "GET", "/api/instances/"+l.id+"/history", nil)
	must(t, err)
	return string(answer.Body)
}
