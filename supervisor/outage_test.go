package supervisor_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/storetest"
)

// Postgres crashes, a worker is killed meanwhile, Postgres comes back: the other
// worker notices nothing, the killed one returns.
func TestPostgresCrashAndReturn(t *testing.T) {
	pg := storetest.Server(t)
	h := newHost(t)
	h.usePostgres(pg.NewURL())
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	sup := h.manage()
	first, other := h.running(one), h.running(two)

	pg.Stop("immediate")
	kill(t, first.Proc.PID, syscall.SIGKILL)
	h.await(one, "waiting for the database", func(s supervisor.Status) bool {
		return s.State == supervisor.Backoff && strings.Contains(s.LastError, "database")
	})
	w, err := sup.Worker(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "echo"}); err != nil {
		t.Errorf("call during the outage: %v", err)
	}
	pg.Start()

	second := h.running(one)
	if second.Generation != 2 || second.RestartCount != 1 {
		t.Errorf("status after the outage: %+v", second)
	}
	if now := h.running(two); now.Proc != other.Proc {
		t.Errorf("the other worker changed from %+v to %+v", other.Proc, now.Proc)
	}
	eventually(t, "the database has the second worker", func() bool {
		in, err := h.pg.Instance(t.Context(), one)
		return err == nil && in.Worker != nil && in.Worker.Generation == 2 && in.Worker.Link != nil && in.Worker.SampledAt != nil
	})
	in, err := h.pg.Instance(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if in.Worker.Proc != second.Proc || in.Worker.Node != h.cfg.Node || in.Worker.Exit != nil || in.Worker.RSSBytes == 0 {
		t.Errorf("recorded worker %+v, want %+v", in.Worker, second)
	}
	eventually(t, "history tells of the return", func() bool {
		history, _, err := h.pg.History(t.Context(), one, 0, 100)
		return err == nil && slices.ContainsFunc(history, func(tr supervisor.Transition) bool {
			return tr.Generation == 2 && tr.To == supervisor.Running
		})
	})
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
