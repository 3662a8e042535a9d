package supervisor_test

import (
	"context"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/supervisor/workerproc"
)

// An instance goes to another server beside a manager that runs: its worker
// ends, and neither this manager nor the next starts it, until it is taken back.
func TestMovedInstanceStaysStopped(t *testing.T) {
	h := newHost(t)
	h.usePostgres(storetest.NewURL(t))
	one, two := h.instance(1, supervisor.Run, script{}), h.instance(2, supervisor.Run, script{})
	sup := h.manage()
	first, other := h.running(one), h.running(two)

	was, err := h.pg.MoveAway(t.Context(), one, time.Now())
	if err != nil || was != supervisor.Run {
		t.Fatalf("moved away: %q, %v", was, err)
	}
	if _, err := h.pg.MoveAway(t.Context(), one, time.Now()); !fault.Is(err, fault.Conflict) {
		t.Errorf("moved twice: %v, want conflict", err)
	}
	if err := workerproc.Evict(t.Context(), h.cfg.RunDir, h.cfg.Node, string(one)); err != nil {
		t.Fatal(err)
	}
	if first.Proc.Remains(t.Context(), workerproc.EvictGrace) {
		t.Error("the moved worker lives after the eviction")
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if !other.Proc.Remains(now, workerproc.EvictGrace) {
		t.Error("another worker ended, too")
	}
	h.await(one, "stopped for good", func(s supervisor.Status) bool {
		return s.State == supervisor.Stopped && s.Desired == supervisor.Stop
	})
	if err := sup.Want(t.Context(), one, supervisor.Run); !fault.Is(err, fault.Conflict) {
		t.Errorf("start of a moved instance: %v, want conflict", err)
	}
	if _, _, err := h.pg.Supervision().RaiseGeneration(t.Context(), one, h.cfg.Node); !fault.Is(err, fault.Conflict) {
		t.Errorf("generation of a moved instance raised: %v, want conflict", err)
	}

	h.end()
	sup = h.manage()
	h.running(two)
	if st, ok := sup.Status(one); !ok || st.State != supervisor.Stopped {
		t.Errorf("with the next manager: %+v %v", st, ok)
	}
	if err := h.pg.TakeBack(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if err := h.pg.TakeBack(t.Context(), one); !fault.Is(err, fault.NotFound) {
		t.Errorf("taken back twice: %v, want not found", err)
	}
	h.want(one, supervisor.Run)
	h.running(one)
}

func TestEvictOfNobody(t *testing.T) {
	h := newHost(t)
	if err := workerproc.Evict(t.Context(), h.cfg.RunDir, h.cfg.Node, string(id(1))); err != nil {
		t.Error(err)
	}
	if err := workerproc.Evict(t.Context(), h.cfg.RunDir, h.cfg.Node, "../../etc"); !fault.Is(err, fault.Invalid) {
		t.Errorf("eviction from a path: %v, want invalid", err)
	}
}

// Whoever imports beside a running manager cannot tell it.
func TestInstanceThatAppearsIsFound(t *testing.T) {
	h := newHost(t)
	h.manage()
	h.running(h.instance(1, supervisor.Run, script{}))
}

func TestInstanceThatAppearsCanBeStartedAtOnce(t *testing.T) {
	h := newHost(t)
	h.cfg.HealthInterval = time.Hour
	h.manage()
	one := h.instance(1, supervisor.Stop, script{})
	h.want(one, supervisor.Run)
	h.running(one)
}
