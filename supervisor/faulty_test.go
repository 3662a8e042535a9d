package supervisor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/supervisor"
)

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
