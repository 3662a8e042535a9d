package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
	"whatsapp-manager/supervisor/store/roles"
)

// Instance is one WhatsApp account in our care, as its owner set it up.
type Instance struct {
	ID                supervisor.ID
	OwnerID           string
	Name, Description string
	Desired           supervisor.Desired
	Generation        uint64          // of the last start
	NodeID            string          // of the last start
	DeviceJID         string          // our device in whatsmeow's store, empty while unpaired
	SendsPerMinute    int             // 0: no limit
	HealthPolicy      json.RawMessage // the owner's, for the number's health; see SetHealthPolicy
	RawEvents         bool            // events carry raw content for good, whoever asks; see RawEvents of Store
	CreatedAt         time.Time
	UpdatedAt         time.Time
	DeletedAt         *time.Time
	MovedAt           *time.Time  // when it went to another server; it cannot run here
	Worker            *WorkerView // nil when none was recorded, and where a method says so
}

// CreateInstance inserts an instance with its first key and an empty feed, or
// nothing. HealthPolicy, RawEvents, Generation, DeviceJID, DeletedAt and Worker are not taken from in.
// NotFound with Field "owner_id" when there is no such owner.
func (s *Store) CreateInstance(ctx context.Context, in Instance, key APIKey) error {
	return s.CreateInstanceWith(ctx, in, key, nil)
}

// CreateInstanceWith is CreateInstance with what more adds in the same transaction; a nil
// more adds nothing.
func (s *Store) CreateInstanceWith(ctx context.Context, in Instance, key APIKey, more func(Tx) error) error {
	key.InstanceID = in.ID
	if in.Desired == "" {
		in.Desired = supervisor.Stop
	}
	if in.UpdatedAt.IsZero() {
		in.UpdatedAt = in.CreatedAt
	}
	return failure("store.CreateInstance", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		q := s.q.WithTx(tx)
		err := q.CreateInstance(ctx, db.CreateInstanceParams{
			ID: string(in.ID), OwnerID: in.OwnerID, Name: in.Name, Description: in.Description, Desired: string(in.Desired),
			NodeID: in.NodeID, SendsPerMinute: in.SendsPerMinute, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt,
		})
		if err != nil {
			return err
		}
		if err := q.CreateFeed(ctx, string(in.ID)); err != nil {
			return err
		}
		if err := insertKey(ctx, q, key); err != nil || more == nil {
			return err
		}
		return more(tx)
	}))
}

// Instance finds an instance that is not deleted.
func (s *Store) Instance(ctx context.Context, id supervisor.ID) (Instance, error) {
	const op = "store.Instance"
	row, err := s.q.InstanceByID(ctx, string(id))
	if err != nil {
		return Instance{}, failure(op, err)
	}
	list, err := s.withWorkers(ctx, []db.Instance{row})
	if err != nil {
		return Instance{}, failure(op, err)
	}
	return list[0], nil
}

// Instances returns a page of the instances of an owner, or of all when
// ownerID is empty, newest first, and how many there are. Deleted ones are
// left out.
func (s *Store) Instances(ctx context.Context, ownerID string, offset, limit int) ([]Instance, int, error) {
	const op = "store.Instances"
	rows, err := s.q.InstancesPage(ctx, db.InstancesPageParams{Owner: ownerID, Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountInstances(ctx, ownerID)
	if err != nil {
		return nil, 0, failure(op, err)
	}
	list, err := s.withWorkers(ctx, rows)
	return list, int(total), failure(op, err)
}

// DeletedInstances returns the instances whose deletion has begun and not
// ended, in the order of their deletion: what is left to do after a restart.
func (s *Store) DeletedInstances(ctx context.Context) ([]Instance, error) {
	const op = "store.DeletedInstances"
	rows, err := s.q.DeletedInstances(ctx)
	if err != nil {
		return nil, failure(op, err)
	}
	list, err := s.withWorkers(ctx, rows)
	return list, failure(op, err)
}

// UpdateInstance changes what is not nil. It is the one write that takes its
// time from the database.
func (s *Store) UpdateInstance(ctx context.Context, id supervisor.ID, name, description *string, sendsPerMinute *int, rawEvents *bool) error {
	n, err := s.q.UpdateInstance(ctx, db.UpdateInstanceParams{
		ID: string(id), Name: name, Description: description, SendsPerMinute: sendsPerMinute, RawEvents: rawEvents,
	})
	return found("store.UpdateInstance", n, err)
}

// RawEvents returns whether the instance's events are to carry the raw content of their
// Message: its owner says so, or one of its webhooks wants it, disabled or not.
func (s *Store) RawEvents(ctx context.Context, id supervisor.ID) (bool, error) {
	on, err := s.q.RawEvents(ctx, string(id))
	return on, failure("store.RawEvents", err)
}

// MarkDeleted begins the deletion of an instance: it is wanted stopped, its
// keys are worth nothing, and every list leaves it out. The time of the first
// call stays.
func (s *Store) MarkDeleted(ctx context.Context, id supervisor.ID, now time.Time) error {
	n, err := s.q.MarkDeleted(ctx, db.MarkDeletedParams{ID: string(id), At: now})
	return found("store.MarkDeleted", n, err)
}

// DeleteInstance removes an instance with everything that belongs to it, the
// mirror and whatsmeow's keys included. It logs nobody out: let the worker do
// that before, or the phone lists the device until WhatsApp drops it.
func (s *Store) DeleteInstance(ctx context.Context, id supervisor.ID) error {
	const op = "store.DeleteInstance"
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// instances says it again; should both name one device, devices is right.
		_, err := tx.Exec(ctx, `select forget_device(jid) from (
			select jid from devices where instance_id = $1 and jid is not null
			union select i.device_jid from instances i where i.id = $1 and i.device_jid <> ''
				and not exists (select from devices d where d.jid = i.device_jid and d.instance_id <> i.id)) mine`, string(id))
		if err != nil {
			return err
		}
		n, err := s.q.WithTx(tx).DeleteInstance(ctx, string(id))
		return found(op, n, err)
	})
	if err != nil {
		return failure(op, err)
	}
	return failure(op, s.endWorkers(ctx, id, roles.AnyGeneration))
}

// History returns a page of an instance's transitions, newest first, and how
// many are kept. Without an instance there is no history, and no error.
func (s *Store) History(ctx context.Context, id supervisor.ID, offset, limit int) ([]supervisor.Transition, int, error) {
	const op = "store.History"
	rows, err := s.q.HistoryPage(ctx, db.HistoryPageParams{InstanceID: string(id), Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountHistory(ctx, string(id))
	list := make([]supervisor.Transition, len(rows))
	for i, r := range rows {
		list[i] = supervisor.Transition{
			Instance: id, Generation: r.Generation, From: supervisor.State(r.FromState), To: supervisor.State(r.ToState), Why: r.Why, At: r.At,
		}
	}
	return list, int(total), failure(op, err)
}

// MessageCount returns how many messages the instance's mirror holds.
func (s *Store) MessageCount(ctx context.Context, id supervisor.ID) (int64, error) {
	n, err := s.q.CountMessages(ctx, string(id))
	return n, failure("store.MessageCount", err)
}

func (s *Store) withWorkers(ctx context.Context, rows []db.Instance) ([]Instance, error) {
	list := make([]Instance, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		list[i], ids[i] = instanceOf(r), r.ID
	}
	if len(ids) == 0 {
		return list, nil
	}
	workers, err := s.q.WorkersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	views := make(map[supervisor.ID]*WorkerView, len(workers))
	for _, w := range workers {
		if views[supervisor.ID(w.InstanceID)], err = viewOf(w); err != nil {
			return nil, err
		}
	}
	for i := range list {
		list[i].Worker = views[list[i].ID]
	}
	return list, nil
}

func instanceOf(r db.Instance) Instance {
	return Instance{
		ID: supervisor.ID(r.ID), OwnerID: r.OwnerID, Name: r.Name, Description: r.Description,
		Desired: supervisor.Desired(r.Desired), Generation: r.Generation, NodeID: r.NodeID, DeviceJID: r.DeviceJid,
		SendsPerMinute: r.SendsPerMinute, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt, MovedAt: r.MovedAt,
		HealthPolicy: r.HealthPolicy, RawEvents: r.RawEvents,
	}
}
