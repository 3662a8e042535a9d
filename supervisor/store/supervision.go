package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// keptTransitions is how much of an instance's history is kept.
const keptTransitions = 1000

var _ supervisor.Store = (*Supervision)(nil)

// Supervision is the store as supervision sees it. Writes about a worker change
// nothing when a higher generation is recorded or the instance is gone; that is
// success.
type Supervision struct{ s *Store }

// Supervision returns the store's face towards package supervisor, which has
// its own idea of what to call instances.
func (s *Store) Supervision() *Supervision { return &Supervision{s: s} }

// Instances returns all instances, those included whose deletion is not
// finished, ordered by id.
func (v *Supervision) Instances(ctx context.Context) ([]supervisor.Record, error) {
	const op = "store.Supervision.Instances"
	rows, err := v.s.q.AllInstances(ctx)
	if err != nil {
		return nil, failure(op, err)
	}
	workers, err := v.s.q.AllWorkers(ctx)
	if err != nil {
		return nil, failure(op, err)
	}
	var admitted map[string]bool
	if v.s.roles != nil {
		if admitted, err = v.s.roles.Admitted(ctx, v.s.pool); err != nil {
			return nil, failure(op, err)
		}
	}
	raw, err := v.s.q.RawInstances(ctx)
	if err != nil {
		return nil, failure(op, err)
	}
	byID := make(map[string]*supervisor.Worker, len(workers))
	for _, w := range workers {
		byID[w.InstanceID] = workerOf(w)
	}
	list := make([]supervisor.Record, len(rows))
	for i, r := range rows {
		list[i] = supervisor.Record{
			ID: supervisor.ID(r.ID), Desired: supervisor.Desired(r.Desired), Generation: r.Generation, Worker: byID[r.ID],
			RawEvents: slices.Contains(raw, r.ID),
			Barred:    admitted != nil && !admitted[v.s.roles.Login(r.ID, r.Generation)],
		}
		if r.DeletedAt != nil {
			list[i].DeletedAt = *r.DeletedAt
		}
	}
	return list, nil
}

// RaiseGeneration commits the next generation of the instance, started on
// node, and returns it with the URL by which its worker uses the database. No
// two callers get the same one. When it returns, no worker of an earlier
// generation is in the database, or gets in. Conflict when the instance was
// moved to another server.
func (v *Supervision) RaiseGeneration(ctx context.Context, id supervisor.ID, node string) (generation uint64, databaseURL string, err error) {
	const op = "store.RaiseGeneration"
	err = pgx.BeginFunc(ctx, v.s.pool, func(tx pgx.Tx) (err error) {
		generation, err = v.s.q.WithTx(tx).RaiseGeneration(ctx, db.RaiseGenerationParams{ID: string(id), NodeID: node})
		if err != nil || v.s.roles == nil {
			return err
		}
		databaseURL, err = v.s.roles.Admit(ctx, tx, string(id), generation)
		return err
	})
	if err != nil {
		return 0, "", failure(op, err)
	}
	if v.s.roles == nil {
		return generation, v.s.url, nil
	}
	return generation, databaseURL, failure(op, v.s.roles.End(ctx, v.s.pool, string(id), generation-1))
}

// RawEvents returns whether the instance's events are to carry the raw content of their
// Message.
func (v *Supervision) RawEvents(ctx context.Context, id supervisor.ID) (bool, error) {
	return v.s.RawEvents(ctx, id)
}

// endWorkers shuts all workers of an instance out of the database.
func (s *Store) endWorkers(ctx context.Context, id supervisor.ID, upTo uint64) error {
	if s.roles == nil {
		return nil
	}
	return s.roles.End(ctx, s.pool, string(id), upTo)
}

// SetDesired records what the owner wants of the instance. Conflict when it is
// to run and was moved to another server.
func (v *Supervision) SetDesired(ctx context.Context, id supervisor.ID, d supervisor.Desired) error {
	n, err := v.s.q.SetDesired(ctx, db.SetDesiredParams{ID: string(id), Desired: string(d)})
	return found("store.SetDesired", n, err)
}

// RecordWorker records the live worker of an instance. A higher generation
// than the recorded one clears link, samples and exit.
func (v *Supervision) RecordWorker(ctx context.Context, w supervisor.Worker) error {
	return failure("store.RecordWorker", v.s.q.RecordWorker(ctx, db.RecordWorkerParams{
		InstanceID: string(w.Instance), Generation: w.Generation, NodeID: w.Node,
		Pid: w.Proc.PID, StartTicks: w.Proc.StartTicks, BootID: w.Proc.BootID,
		Socket: w.Socket, Build: w.Build, Protocol: int(w.Protocol), StartedAt: w.StartedAt, AttachedAt: orNil(w.AttachedAt),
	}))
}

// RecordExit records how the worker of the generation ended, also when it was
// never recorded while it lived, and ends its role in the database.
func (v *Supervision) RecordExit(ctx context.Context, id supervisor.ID, generation uint64, exit supervisor.Exit) error {
	const op = "store.RecordExit"
	err := v.s.q.RecordExit(ctx, db.RecordExitParams{
		InstanceID: string(id), Generation: generation, At: exit.At, ExitReason: exit.Reason, ExitCode: exit.Code,
	})
	if err != nil {
		return failure(op, err)
	}
	return failure(op, v.s.endWorkers(ctx, id, generation))
}

// RecordLink records the link of the recorded worker, without QR and pairing
// code; for a generation whose worker is not recorded it does nothing.
func (v *Supervision) RecordLink(ctx context.Context, id supervisor.ID, generation uint64, link *workerv1.Link) error {
	const op = "store.RecordLink"
	b, err := encodeLink(link)
	if err != nil {
		return failure(op, err)
	}
	return failure(op, v.s.q.RecordLink(ctx, db.RecordLinkParams{InstanceID: string(id), Generation: generation, Link: b}))
}

// RecordTransition appends to the instance's history, whatever generation is
// recorded by now; the newest 1000 are kept.
func (v *Supervision) RecordTransition(ctx context.Context, t supervisor.Transition) error {
	return failure("store.RecordTransition", v.s.inTx(ctx, func(q *db.Queries) error {
		err := q.RecordTransition(ctx, db.RecordTransitionParams{
			InstanceID: string(t.Instance), Generation: t.Generation, FromState: string(t.From), ToState: string(t.To), Why: t.Why, At: t.At,
		})
		if err != nil {
			return err
		}
		return q.TrimHistory(ctx, db.TrimHistoryParams{InstanceID: string(t.Instance), Keep: keptTransitions})
	}))
}

// RecordSamples records the newest look at each worker, all in one statement.
// Of several samples of one instance only one should be given.
func (v *Supervision) RecordSamples(ctx context.Context, samples []supervisor.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	var p db.RecordSamplesParams
	for _, s := range samples {
		p.Ids = append(p.Ids, string(s.Instance))
		p.Generations = append(p.Generations, int64(s.Generation))
		p.Rss = append(p.Rss, int64(s.RSSBytes))
		p.Cpu = append(p.Cpu, s.CPUPercent)
		p.Responsives = append(p.Responsives, s.Responsive)
		p.Frames = append(p.Frames, s.LastFrameAt.UTC())
		p.Ats = append(p.Ats, s.At)
	}
	return failure("store.RecordSamples", v.s.q.RecordSamples(ctx, p))
}

// workerOf is nil for a row that only an exit made.
func workerOf(r db.Worker) *supervisor.Worker {
	if r.Pid == 0 {
		return nil
	}
	w := &supervisor.Worker{
		Instance: supervisor.ID(r.InstanceID), Generation: r.Generation, Node: r.NodeID,
		Proc:   supervisor.Proc{PID: r.Pid, StartTicks: r.StartTicks, BootID: r.BootID},
		Socket: r.Socket, Build: r.Build, Protocol: uint32(r.Protocol), StartedAt: r.StartedAt,
	}
	if r.AttachedAt != nil {
		w.AttachedAt = *r.AttachedAt
	}
	return w
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
