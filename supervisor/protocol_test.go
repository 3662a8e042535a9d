package supervisor_test

import (
	"context"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

// A manager meets workers of other versions in every upgrade: older ones that it
// adopts, and newer ones when somebody goes back. Both must be adopted, called,
// watched, looked at and ended, whatever their version of the contract lacks or adds.
func TestWorkersOfOtherVersions(t *testing.T) {
	for name, s := range map[string]script{
		// One version older: the calls and fields that came last are not there.
		"older": {Protocol: -1, Build: "older", Lacks: []string{"Pair", "Logout", "Stats"}, Bare: true, FeedHead: 7},
		// One version newer: it says more than is understood.
		"newer": {Protocol: 1, Build: "newer", Unknown: true, FeedHead: 7},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			one := h.instance(1, supervisor.Run, s)
			h.manage()
			before := h.running(one)
			h.end()
			h.manage()
			st := h.running(one)
			if st.Proc != before.Proc || st.Generation != 1 {
				t.Errorf("adopted %+v, it was %+v", st, before)
			}
			if st.Proc.StartTicks == 0 || st.Proc.BootID == "" || st.StartedAt.Before(time.Now().Add(-time.Minute)) {
				t.Errorf("what the kernel knows of it is missing: %+v", st)
			}
			if supervisor.StatusWord(st) != "ready" || st.FeedHead != 7 || st.Build != s.Build {
				t.Errorf("watched: %+v", st)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			stub, err := h.sup.Worker(ctx, one)
			if err != nil {
				t.Fatal(err)
			}
			call, err := stub.Call(ctx, &workerv1.CallRequest{Method: "echo", Params: []byte(`[1]`), MessageId: "3EB0", First: true})
			if err != nil || string(call.GetResult()) != "[1]" {
				t.Errorf("call: %s %v", call.GetResult(), err)
			}
			if _, err := stub.Ping(ctx, &workerv1.PingRequest{}); err != nil {
				t.Errorf("ping: %v", err)
			}
			// The one that is not served says so, and is no reason to replace the worker.
			if _, err := stub.Stats(ctx, &workerv1.StatsRequest{}); !fault.Is(err, fault.Unimplemented) {
				t.Errorf("a call it lacks: %v", err)
			}
			h.want(one, supervisor.Stop)
			h.await(one, "stopped", func(st supervisor.Status) bool { return st.State == supervisor.Stopped })
			h.end() // writes what waits for the store
			if exits := h.store.exits; len(exits) != 1 || exits[0].Reason != "the owner wants it stopped" {
				t.Errorf("it ended by %+v, want the Stop call", exits)
			}
			r, err := h.store.load(one)
			if err != nil || r.Worker == nil || r.Worker.Protocol != s.protocol() || r.Worker.Build != s.Build || r.Worker.Proc != st.Proc {
				t.Errorf("recorded: %+v %v", r.Worker, err)
			}
		})
	}
}

// Without even the Stop call a worker still ends gracefully, by SIGTERM.
func TestAWorkerWithoutStopCall(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{Protocol: -1, Lacks: []string{"Stop"}})
	h.manage()
	h.running(one)
	began := time.Now()
	h.want(one, supervisor.Stop)
	h.await(one, "stopped", func(st supervisor.Status) bool { return st.State == supervisor.Stopped })
	took := time.Since(began)
	h.end()
	if exits := h.store.exits; len(exits) != 1 || exits[0].Reason != "sigterm" || took > 5*time.Second {
		t.Errorf("it ended by %+v after %s", exits, took)
	}
}
