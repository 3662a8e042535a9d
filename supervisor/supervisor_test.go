package supervisor_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func TestStartCallStop(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Stop, script{FeedHead: 7})
	sup := h.manage()
	if _, err := sup.Worker(t.Context(), one); !fault.Is(err, fault.Stopped) {
		t.Errorf("a worker before the start: %v, want stopped", err)
	}
	h.want(one, supervisor.Run)
	st := h.running(one)
	if st.Generation != 1 || st.Proc.PID == 0 || st.Build != "scripted" || st.FeedHead != 7 || st.RestartCount != 0 || supervisor.StatusWord(st) != "ready" {
		t.Errorf("status after the start: %+v", st)
	}
	w, err := sup.Worker(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "echo", Params: []byte(`["x"]`)})
	if err != nil || string(r.GetResult()) != `["x"]` {
		t.Errorf("call: %s %v", r.GetResult(), err)
	}
	if _, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "refuse"}); !fault.Is(err, fault.Unpaired) {
		t.Errorf("refused call: %v, want unpaired", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Call(ctx, &workerv1.CallRequest{Method: "wait"}); !fault.Is(err, fault.Deadline) {
		t.Errorf("late call: %v, want deadline", err)
	}
	h.want(one, supervisor.Stop)
	st = h.await(one, "stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped })
	if st.Proc.PID != 0 || st.Link != nil {
		t.Errorf("status after the stop: %+v", st)
	}
	if left := h.workers(); len(left) != 0 {
		t.Errorf("workers %v live after the stop", left)
	}
	h.end()
	if i := slices.IndexFunc(h.store.exits, func(e supervisor.Exit) bool { return e.Code == 0 }); i < 0 {
		t.Errorf("no clean exit was recorded: %+v", h.store.exits)
	}
	var path []supervisor.State
	for _, tr := range h.store.transitions {
		path = append(path, tr.To)
	}
	if want := []supervisor.State{supervisor.Starting, supervisor.Running, supervisor.Stopping, supervisor.Stopped}; !slices.Equal(path, want) {
		t.Errorf("history %v, want %v", path, want)
	}
}

func TestLettingGoLeavesWorkersAlive(t *testing.T) {
	h := newHost(t)
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	h.manage()
	before := []int{h.running(one).Proc.PID, h.running(two).Proc.PID}
	h.end()
	eventually(t, "no goroutine of the manager is left", func() bool { return len(strays()) == 0 })
	h.manage()
	after := []int{h.running(one).Proc.PID, h.running(two).Proc.PID}
	if !slices.Equal(before, after) {
		t.Errorf("workers %v became %v", before, after)
	}
	if st, _ := h.sup.Status(one); st.Generation != 1 {
		t.Errorf("generation %d after adoption, want 1", st.Generation)
	}
}

func TestKilledWorkerIsRestartedAlone(t *testing.T) {
	h := newHost(t)
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	h.manage()
	first, other := h.running(one), h.running(two)
	kill(t, first.Proc.PID, syscall.SIGKILL)
	second := h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	if second.Generation != 2 || second.RestartCount != 1 || !strings.Contains(second.LastError, "SIGKILL") {
		t.Errorf("status after the restart: %+v", second)
	}
	if now := h.running(two); now.Proc != other.Proc {
		t.Errorf("the other worker changed from %+v to %+v", other.Proc, now.Proc)
	}
}

func TestPanicIsTheReason(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	sup := h.manage()
	first := h.running(one)
	w, err := sup.Worker(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "panic"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("call to a dying worker: %v, want unavailable", err)
	}
	st := h.await(one, "restart", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Generation > first.Generation
	})
	if !strings.Contains(st.LastError, "panic: asked to panic") {
		t.Errorf("last error %q does not tell of the panic", st.LastError)
	}
}

func TestBreakerOpensAndSaysWhy(t *testing.T) {
	h := newHost(t)
	h.cfg.Policy.Budget = 3
	h.cfg.Policy.CoolDown = time.Hour
	one := h.instance(1, supervisor.Stop, script{Exit: 3})
	sup := h.manage()
	h.want(one, supervisor.Run)
	st := h.await(one, "failed", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if st.Generation != 3 || !strings.Contains(st.LastError, "exit code 3") || !strings.Contains(st.LastError, "early end") {
		t.Errorf("status: %+v", st)
	}
	if time.Until(st.RetryAt) < 30*time.Minute {
		t.Errorf("next try at %v, want it after the cool-down", st.RetryAt)
	}
	if _, err := sup.Worker(t.Context(), one); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "exit code 3") {
		t.Errorf("worker of a failed instance: %v, want unavailable with the reason", err)
	}
	// The owner repairs it and asks again.
	if err := (script{}).write(filepath.Join(h.cfg.RunDir, string(one))); err != nil {
		t.Fatal(err)
	}
	h.want(one, supervisor.Run)
	if st := h.running(one); st.RestartCount != 0 {
		t.Errorf("restart count %d after the owner's start, want 0", st.RestartCount)
	}
}

func TestHalfOpenBreakerTriesOnce(t *testing.T) {
	h := newHost(t)
	h.cfg.Policy.Budget = 2
	h.cfg.Policy.CoolDown = 50 * time.Millisecond
	one := h.instance(1, supervisor.Run, script{Panic: true})
	h.manage()
	st := h.await(one, "a trial start that failed", func(s supervisor.Status) bool { return s.State == supervisor.Failed && s.Generation >= 4 })
	if !strings.Contains(st.LastError, "panic: the script wants a panic") {
		t.Errorf("last error %q", st.LastError)
	}
	if err := (script{}).write(filepath.Join(h.cfg.RunDir, string(one))); err != nil {
		t.Fatal(err)
	}
	h.running(one)
}

func TestLoggedOutIsHealthy(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{Link: workerv1.LinkState_LINK_STATE_LOGGED_OUT})
	h.manage()
	st := h.running(one)
	eventually(t, "several looks at its health", func() bool {
		h.store.mu.Lock()
		defer h.store.mu.Unlock()
		return len(h.store.samples) >= 3
	})
	if now := h.running(one); now.Proc != st.Proc || supervisor.StatusWord(now) != "disconnected" {
		t.Errorf("status %+v, was %+v", now, st)
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	last := h.store.samples[len(h.store.samples)-1]
	if last.RSSBytes == 0 || !last.Responsive || last.Instance != one || last.Generation != 1 {
		t.Errorf("sample %+v", last)
	}
}

func TestMemoryGuard(t *testing.T) {
	h := newHost(t)
	if raceDetector {
		t.Skip("the race detector's shadow memory runs into RLIMIT_DATA before the guard can look; end to end the shipped worker is tested in such a run too")
	}
	h.cfg.MemoryLimit = 256 << 20
	h.cfg.GuardInterval = 20 * time.Millisecond
	one := h.instance(1, supervisor.Run, script{Eat: 280})
	h.manage()
	st := h.await(one, "a restart", func(s supervisor.Status) bool { return s.RestartCount > 0 })
	if !strings.HasPrefix(st.LastError, "memory limit") {
		t.Errorf("last error %q, want the memory limit", st.LastError)
	}
}

func TestStoppedProcessIsKilledAndRestarted(t *testing.T) {
	h := newHost(t)
	h.cfg.PingTimeout, h.cfg.HangAfter = 50*time.Millisecond, 200*time.Millisecond
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	first := h.running(one)
	freeze(t, first.Proc.PID)
	st := h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	if !strings.HasPrefix(st.LastError, "hang") {
		t.Errorf("last error %q, want the hang", st.LastError)
	}
}

func TestStoppedProcessIsReplacedAtRecovery(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	first := h.running(one)
	h.end()
	freeze(t, first.Proc.PID)
	h.cfg.AttachTimeout, h.cfg.AttachBudget = 100*time.Millisecond, 300*time.Millisecond
	h.manage()
	h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
}

func TestStopOfAWorkerThatIgnoresIt(t *testing.T) {
	h := newHost(t)
	h.cfg.StopGrace, h.cfg.TermGrace = 100*time.Millisecond, 100*time.Millisecond
	one := h.instance(1, supervisor.Run, script{IgnoreStop: true})
	h.manage()
	pid := h.running(one).Proc.PID
	h.want(one, supervisor.Stop)
	h.await(one, "stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped })
	if slices.Contains(h.workers(), pid) {
		t.Errorf("worker %d lives", pid)
	}
}

func TestWatchThatBreaksIsReopened(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{DropWatch: 50})
	h.manage()
	first := h.running(one)
	for range 2 {
		h.await(one, "detached", func(s supervisor.Status) bool { return s.State == supervisor.Detached })
		if st := h.running(one); st.Proc != first.Proc {
			t.Fatalf("the worker was replaced: %+v", st)
		}
	}
}

func TestRestart(t *testing.T) {
	h := newHost(t)
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Stop, script{})
	sup := h.manage()
	first := h.running(one)
	if err := sup.Restart(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	st := h.await(one, "a second worker", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Generation == 2 })
	if st.Proc.PID == first.Proc.PID || st.RestartCount != 0 {
		t.Errorf("status after the restart: %+v", st)
	}
	if err := sup.Restart(t.Context(), two); !fault.Is(err, fault.Conflict) {
		t.Errorf("restart of a stopped instance: %v, want conflict", err)
	}
	if err := sup.Restart(t.Context(), id(99)); !fault.Is(err, fault.NotFound) {
		t.Errorf("restart of an unknown instance: %v, want not found", err)
	}
}

func TestAddAndRemove(t *testing.T) {
	h := newHost(t)
	sup := h.manage()
	one := h.instance(1, supervisor.Stop, script{})
	if err := sup.Add(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if st, ok := sup.Status(one); !ok || supervisor.StatusWord(st) != "created" {
		t.Errorf("status of a new instance: %+v %v", st, ok)
	}
	h.want(one, supervisor.Run)
	h.running(one)
	if _, err := h.store.change(one, func(r *supervisor.Record) { r.DeletedAt = time.Now() }); err != nil {
		t.Fatal(err)
	}
	if err := sup.Remove(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if left := h.workers(); len(left) != 0 {
		t.Errorf("workers %v live after the removal", left)
	}
	if _, ok := sup.Status(one); ok {
		t.Error("a removed instance has a status")
	}
	for _, name := range []string{filepath.Join(h.cfg.RunDir, string(one)), filepath.Join(h.cfg.LogDir, string(one)+".log")} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is left", filepath.Base(name))
		}
	}
	if err := sup.Remove(t.Context(), one); err != nil {
		t.Errorf("second removal: %v", err)
	}
}

func TestStopAllKeepsWishes(t *testing.T) {
	h := newHost(t)
	ids := []supervisor.ID{h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{BeforeLock: 300})}
	sup := h.manage()
	if err := sup.StopAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := h.workers(); len(left) != 0 {
		t.Errorf("workers %v live", left)
	}
	h.end()
	h.manage()
	for _, id := range ids {
		h.running(id)
	}
}

func TestOrphanIsEndedAndSwept(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	h.running(one)
	h.end()
	if err := h.store.forget(one); err != nil {
		t.Fatal(err)
	}
	sup := h.manage()
	eventually(t, "the orphan is gone", func() bool { return len(h.workers()) == 0 })
	eventually(t, "its directory is gone", func() bool {
		_, err := os.Stat(filepath.Join(h.cfg.RunDir, string(one)))
		return os.IsNotExist(err)
	})
	if _, ok := sup.Status(one); ok {
		t.Error("an orphan has a status")
	}
}

func TestUnwantedWorkerIsEndedAtRecovery(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	h.running(one)
	h.end()
	if err := h.store.SetDesired(t.Context(), one, supervisor.Stop); err != nil {
		t.Fatal(err)
	}
	h.manage()
	h.await(one, "stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped })
	if left := h.workers(); len(left) != 0 {
		t.Errorf("workers %v live", left)
	}
}

func TestDeletedRunDirectoryMakesNoDuplicate(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	first := h.running(one)
	h.end()
	if err := os.RemoveAll(filepath.Join(h.cfg.RunDir, string(one))); err != nil {
		t.Fatal(err)
	}
	h.manage()
	st := h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	if got := h.workers(); !slices.Equal(got, []int{st.Proc.PID}) {
		t.Errorf("workers %v live, want %d alone", got, st.Proc.PID)
	}
}

// The worker of a build before workers had roles of their own: the database lets
// it in no more.
func TestAWorkerThatTheDatabaseBarsIsReplacedAtOnce(t *testing.T) {
	h := newHost(t)
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	h.manage()
	first, other := h.running(one), h.running(two)
	h.end()
	if _, err := h.store.change(one, func(r *supervisor.Record) { r.Barred = true }); err != nil {
		t.Fatal(err)
	}
	h.manage()
	st := h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	if st.Generation != 2 || st.RestartCount != 0 {
		t.Errorf("status %+v", st)
	}
	h.store.mu.Lock()
	exits := slices.Clone(h.store.exits)
	h.store.mu.Unlock()
	if len(exits) != 1 || exits[0].Code != workerv1.ExitOK {
		t.Errorf("exits %+v, want one, and a graceful one", exits)
	}
	if st := h.running(two); st.Proc.PID != other.Proc.PID {
		t.Error("a worker that the database lets in was replaced, too")
	}
}

func TestEarlierGenerationIsReplaced(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	first := h.running(one)
	h.end()
	if _, _, err := h.store.RaiseGeneration(t.Context(), one, h.cfg.Node); err != nil {
		t.Fatal(err)
	}
	h.manage()
	st := h.await(one, "a second worker", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	if st.Generation != 3 || st.RestartCount != 0 {
		t.Errorf("status %+v", st)
	}
}

func TestOutageOfTheStore(t *testing.T) {
	h := newHost(t)
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	sup := h.manage()
	first := h.running(one)
	h.running(two)
	if err := h.store.setOutage(true); err != nil {
		t.Fatal(err)
	}
	kill(t, first.Proc.PID, syscall.SIGKILL)
	st := h.await(one, "waiting for the store", func(s supervisor.Status) bool {
		return s.State == supervisor.Backoff && strings.Contains(s.LastError, "database")
	})
	if st.Generation != 1 {
		t.Errorf("generation %d without a store, want 1", st.Generation)
	}
	if err := sup.Want(t.Context(), two, supervisor.Stop); !fault.Is(err, fault.Unavailable) {
		t.Errorf("wish without a store: %v, want unavailable", err)
	}
	w, err := sup.Worker(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "echo"}); err != nil {
		t.Errorf("call without a store: %v", err)
	}
	if err := h.store.setOutage(false); err != nil {
		t.Fatal(err)
	}
	if st := h.running(one); st.Generation != 2 {
		t.Errorf("generation %d, want 2", st.Generation)
	}
	// What happened meanwhile is written once the store is back; the tries themselves are not worth it.
	h.end()
	var path []supervisor.State
	for _, tr := range h.store.transitions {
		// The broken stream may be seen before the end of the process.
		if tr.Instance == one && tr.To != supervisor.Detached {
			path = append(path, tr.To)
		}
	}
	want := []supervisor.State{supervisor.Starting, supervisor.Running, supervisor.Backoff, supervisor.Starting, supervisor.Backoff, supervisor.Running}
	if !slices.Equal(path, want) {
		t.Errorf("history %v, want %v", path, want)
	}
}

func TestSlowStartIsEnded(t *testing.T) {
	h := newHost(t)
	h.cfg.StartTimeout = 200 * time.Millisecond
	h.cfg.Policy.Budget = 2
	h.cfg.Policy.CoolDown = time.Hour
	slow, half := h.instance(1, supervisor.Run, script{BeforeLock: 60_000}), h.instance(2, supervisor.Run, script{BeforeLine: 60_000})
	h.manage()
	for _, id := range []supervisor.ID{slow, half} {
		st := h.await(id, "failed", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
		if !strings.Contains(st.LastError, "in time") {
			t.Errorf("%s: last error %q", id, st.LastError)
		}
	}
	if left := h.workers(); len(left) != 0 {
		t.Errorf("workers %v live", left)
	}
}

func TestSecondManagerIsRefused(t *testing.T) {
	h := newHost(t)
	h.instance(1, supervisor.Run, script{})
	m := h.startManager()
	m.settled(1)
	h.cfg.LockWait = 100 * time.Millisecond
	sup := h.newSupervisor()
	if err := sup.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another manager") {
		t.Errorf("second manager: %v, want it refused", err)
	}
	m.kill()
}
