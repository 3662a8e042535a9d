package store

import (
	"context"
	"encoding/json"
	"time"

	"whatsapp-manager/proto/event"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// trimPage bounds how long a trim holds its locks.
const trimPage = 5000

// Event is one committed event of an instance's feed. Seq is dense and ordered
// per instance; Key is unique per instance; Lane is the chat, within which
// deliveries keep order. Payload is what package event reads.
type Event struct {
	Instance        supervisor.ID
	Seq             uint64
	Key, Type, Lane string
	Payload         json.RawMessage
	At              time.Time
}

// Events returns up to limit events behind after, in ascending order.
func (s *Store) Events(ctx context.Context, instance supervisor.ID, after uint64, limit int) ([]Event, error) {
	const op = "store.Events"
	rows, err := s.q.EventsAfter(ctx, db.EventsAfterParams{InstanceID: string(instance), After: after, Lim: limit})
	if err != nil {
		return nil, failure(op, err)
	}
	err = s.complete(ctx, rows)
	return eventsOf(rows), failure(op, err)
}

// EventsOf returns those of the events that are still in the feed, in
// ascending order.
func (s *Store) EventsOf(ctx context.Context, instance supervisor.ID, seqs []uint64) ([]Event, error) {
	const op = "store.EventsOf"
	rows, err := s.q.EventsOf(ctx, db.EventsOfParams{InstanceID: string(instance), Seqs: signed(seqs)})
	if err != nil {
		return nil, failure(op, err)
	}
	err = s.complete(ctx, rows)
	return eventsOf(rows), failure(op, err)
}

// complete gives the events that have the payload of the next one that payload. The rows
// are of one feed, in ascending order; the next one may be missing among them.
func (s *Store) complete(ctx context.Context, rows []db.Event) error {
	var lacking []int
	var seqs []int64
	for i, r := range rows {
		switch {
		case string(r.Payload) != event.Next:
		case i+1 < len(rows) && rows[i+1].Seq == r.Seq+1:
			rows[i].Payload = rows[i+1].Payload
		default:
			lacking, seqs = append(lacking, i), append(seqs, int64(r.Seq)+1)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	others, err := s.q.EventsOf(ctx, db.EventsOfParams{InstanceID: rows[0].InstanceID, Seqs: seqs})
	if err != nil {
		return err
	}
	payloads := make(map[uint64]json.RawMessage, len(others))
	for _, r := range others {
		payloads[r.Seq] = r.Payload
	}
	for _, i := range lacking {
		if p := payloads[rows[i].Seq+1]; p != nil {
			rows[i].Payload = p
		}
	}
	return nil
}

// FeedHead returns the highest committed seq of the instance, 0 before the
// first event.
func (s *Store) FeedHead(ctx context.Context, instance supervisor.ID) (uint64, error) {
	head, err := s.q.FeedHead(ctx, string(instance))
	return head, failure("store.FeedHead", err)
}

// SeqBefore returns the seq up to which all events are older than the time, 0
// when there is none: up to there a retention may trim.
func (s *Store) SeqBefore(ctx context.Context, instance supervisor.ID, before time.Time) (uint64, error) {
	seq, err := s.q.SeqBefore(ctx, db.SeqBeforeParams{InstanceID: string(instance), Before: before})
	return uint64(seq), failure("store.SeqBefore", err)
}

// TrimEvents deletes events up to and including upTo and returns how many. It
// keeps what an enabled endpoint has not passed yet and what is in any
// endpoint's backlog, dead letters included.
func (s *Store) TrimEvents(ctx context.Context, instance supervisor.ID, upTo uint64) (int, error) {
	total := 0
	for {
		n, err := s.q.TrimEvents(ctx, db.TrimEventsParams{InstanceID: string(instance), UpTo: upTo, Lim: trimPage})
		total += int(n)
		if err != nil || n < trimPage {
			return total, failure("store.TrimEvents", err)
		}
	}
}

func eventsOf(rows []db.Event) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{
			Instance: supervisor.ID(r.InstanceID), Seq: r.Seq, Key: r.Key, Type: r.Type, Lane: r.Lane, Payload: r.Payload, At: r.At,
		}
	}
	return events
}

// signed is how Postgres counts; no feed gets to 2⁶³.
func signed(seqs []uint64) []int64 {
	s := make([]int64, len(seqs))
	for i, v := range seqs {
		s[i] = int64(v)
	}
	return s
}
