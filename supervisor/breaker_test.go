package supervisor_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

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
