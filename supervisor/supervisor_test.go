package supervisor_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
