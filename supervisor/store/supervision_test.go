package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

func worker(id supervisor.ID, generation uint64) supervisor.Worker {
	return supervisor.Worker{
		Instance: id, Generation: generation, Node: "node", Proc: supervisor.Proc{PID: 100 + int(generation), StartTicks: 1 << 40, BootID: "boot"},
		Socket: "/run/s", Build: "v1", Protocol: 1, StartedAt: noon, AttachedAt: noon.Add(time.Second),
	}
}

func raise(t *testing.T, v *supervisor.Store, id supervisor.ID, want uint64) {
	t.Helper()
	g, _, err := (*v).RaiseGeneration(t.Context(), id, "node")
	must(t, err)
	equal(t, "generation", g, want)
}

func view(t *testing.T, st *store.Store, id supervisor.ID) *store.WorkerView {
	t.Helper()
	in, err := st.Instance(t.Context(), id)
	must(t, err)
	return in.Worker
}

func TestGenerationsAreGivenOnce(t *testing.T) {
	st, ctx := setUp(t, a)
	got := make([]uint64, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			g, _, err := st.Supervision().RaiseGeneration(ctx, a, fmt.Sprint("node", i))
			if err != nil {
				t.Error(err)
			}
			got[i] = g
		})
	}
	wg.Wait()
	slices.Sort(got)
	for i, g := range got {
		equal(t, "generation", g, uint64(i+1))
	}
	_, _, err := st.Supervision().RaiseGeneration(ctx, "zzzzzzzzzzzz", "node")
	wantKind(t, err, fault.NotFound)
}

func TestDesiredIsKept(t *testing.T) {
	st, ctx := setUp(t, a)
	v := st.Supervision()
	must(t, v.SetDesired(ctx, a, supervisor.Run))
	records, err := v.Instances(ctx)
	must(t, err)
	if len(records) != 1 || records[0].Desired != supervisor.Run || records[0].Worker != nil {
		t.Errorf("got %+v", records)
	}
	wantKind(t, v.SetDesired(ctx, "zzzzzzzzzzzz", supervisor.Run), fault.NotFound)
	wantKind(t, v.SetDesired(ctx, a, "maybe"), fault.Invalid)
}

func TestWorkerIsRecordedOverItsLife(t *testing.T) {
	st, ctx := setUp(t, a)
	var v supervisor.Store = st.Supervision()
	raise(t, &v, a, 1)
	w := worker(a, 1)
	must(t, v.RecordWorker(ctx, w))

	link := &workerv1.Link{
		State: workerv1.LinkState_LINK_STATE_ONLINE, Jid: "4915@s.whatsapp.net", Since: timestamppb.New(noon),
		Qr: "2@secret", QrExpiresAt: timestamppb.New(noon), PairingCode: "ABCD-EFGH", PairingCodeExpiresAt: timestamppb.New(noon),
	}
	must(t, v.RecordLink(ctx, a, 1, link))
	equal(t, "the caller's link", link.GetQr(), "2@secret")
	sample := supervisor.Sample{Instance: a, Generation: 1, At: noon.Add(time.Minute), RSSBytes: 5 << 32, CPUPercent: 1.5, Responsive: true, LastFrameAt: noon}
	must(t, v.RecordSamples(ctx, []supervisor.Sample{sample, {Instance: b, Generation: 1, At: noon}}))
	sample.At, sample.Responsive, sample.LastFrameAt = noon.Add(2*time.Minute), false, time.Time{}
	must(t, v.RecordSamples(ctx, []supervisor.Sample{sample}))
	sample.At, sample.RSSBytes = noon, 1
	must(t, v.RecordSamples(ctx, []supervisor.Sample{sample})) // older
	must(t, v.RecordSamples(ctx, nil))

	got := view(t, st, a)
	want := &workerv1.Link{State: link.State, Jid: link.Jid, Since: link.Since}
	if !proto.Equal(got.Link, want) {
		t.Errorf("link: got %v, want %v", got.Link, want)
	}
	if got.RSSBytes != 5<<32 || got.CPUPercent != 1.5 || got.Responsive || !got.LastFrameAt.Equal(noon) || !got.SampledAt.Equal(noon.Add(2*time.Minute)) || got.Exit != nil {
		t.Errorf("got %+v", got)
	}
	records, err := v.Instances(ctx)
	must(t, err)
	equal(t, "worker", *records[0].Worker, w)
	equal(t, "generation", records[0].Generation, uint64(1))

	// Attached again by the next manager: what is known stays.
	w.AttachedAt = noon.Add(time.Hour)
	must(t, v.RecordWorker(ctx, w))
	got = view(t, st, a)
	if got.Link == nil || got.RSSBytes == 0 || !got.AttachedAt.Equal(w.AttachedAt) {
		t.Errorf("got %+v", got)
	}
	must(t, v.RecordExit(ctx, a, 1, supervisor.Exit{At: noon, Reason: "killed or crashed", Code: -1}))
	got = view(t, st, a)
	equal(t, "exit", *got.Exit, supervisor.Exit{At: noon, Reason: "killed or crashed", Code: -1})
	equal(t, "pid of the ended worker", got.Proc.PID, 101)

	raise(t, &v, a, 2)
	must(t, v.RecordWorker(ctx, worker(a, 2)))
	got = view(t, st, a)
	if got.Link != nil || got.Exit != nil || got.RSSBytes != 0 || got.SampledAt != nil || got.Proc.PID != 102 {
		t.Errorf("the new worker inherited from the old: %+v", got)
	}
}

func TestLateWritersChangeNothing(t *testing.T) {
	st, ctx := setUp(t, a)
	var v supervisor.Store = st.Supervision()
	raise(t, &v, a, 1)
	raise(t, &v, a, 2)
	late := func() {
		t.Helper()
		must(t, v.RecordWorker(ctx, worker(a, 1)))
		must(t, v.RecordExit(ctx, a, 1, supervisor.Exit{At: noon, Reason: "late"}))
		must(t, v.RecordLink(ctx, a, 1, &workerv1.Link{Jid: "late"}))
		must(t, v.RecordSamples(ctx, []supervisor.Sample{{Instance: a, Generation: 1, At: noon, RSSBytes: 7}}))
		must(t, v.RecordTransition(ctx, supervisor.Transition{Instance: a, Generation: 1, From: supervisor.Running, To: supervisor.Backoff, Why: "late", At: noon}))
	}
	late() // before the worker of generation 2 has a row
	if got := view(t, st, a); got != nil {
		t.Errorf("got %+v", got)
	}
	must(t, v.RecordWorker(ctx, worker(a, 2)))
	late()
	got := view(t, st, a)
	if got.Generation != 2 || got.Exit != nil || got.Link != nil || got.RSSBytes != 0 {
		t.Errorf("got %+v", got)
	}
	_, total, err := st.History(ctx, a, 0, 10)
	must(t, err)
	equal(t, "transitions, which are history however late", total, 2)
}

func TestExitOfAWorkerThatWasNeverRecorded(t *testing.T) {
	st, ctx := setUp(t, a)
	var v supervisor.Store = st.Supervision()
	raise(t, &v, a, 1)
	must(t, v.RecordExit(ctx, a, 1, supervisor.Exit{At: noon, Reason: "crashed on start", Code: 2}))
	got := view(t, st, a)
	if got.Generation != 1 || got.Proc.PID != 0 || got.Exit.Code != 2 || !got.AttachedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	records, err := v.Instances(ctx)
	must(t, err)
	if records[0].Worker != nil {
		t.Errorf("got %+v", records[0].Worker)
	}
	raise(t, &v, a, 2)
	must(t, v.RecordWorker(ctx, worker(a, 2)))
	raise(t, &v, a, 3)
	must(t, v.RecordExit(ctx, a, 3, supervisor.Exit{At: noon, Reason: "crashed on start", Code: 2}))
	got = view(t, st, a)
	if got.Generation != 3 || got.Proc != (supervisor.Proc{}) {
		t.Errorf("the exit was written to another worker: %+v", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	st, ctx := setUp(t, a)
	v := st.Supervision()
	for i := range 1010 {
		must(t, v.RecordTransition(ctx, supervisor.Transition{
			Instance: a, From: supervisor.Backoff, To: supervisor.Starting, Why: fmt.Sprint(i), At: noon.Add(time.Duration(i) * time.Second),
		}))
	}
	list, total, err := st.History(ctx, a, 1, 2)
	must(t, err)
	equal(t, "total", total, 1000)
	want := supervisor.Transition{Instance: a, From: supervisor.Backoff, To: supervisor.Starting, Why: "1008", At: noon.Add(1008 * time.Second)}
	if len(list) != 2 || list[0] != want || list[1].Why != "1007" {
		t.Errorf("got %v", list)
	}
	// What a deleted instance still has to say is nobody's business.
	must(t, st.DeleteInstance(ctx, a))
	must(t, v.RecordTransition(ctx, supervisor.Transition{Instance: a, At: noon}))
	must(t, v.RecordWorker(ctx, worker(a, 1)))
	must(t, v.RecordExit(ctx, a, 1, supervisor.Exit{At: noon}))
}
