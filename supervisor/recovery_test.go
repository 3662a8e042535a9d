package supervisor_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

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
