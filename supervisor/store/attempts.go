package store

import (
	"context"
	"slices"
	"time"

	"whatsapp-manager/supervisor/store/db"
)

// keptAttempts is how many tries of an endpoint are kept.
const keptAttempts = 200

// Attempt is what one try at a delivery brought.
type Attempt struct {
	EndpointID string
	Seq        uint64
	At         time.Time
	Status     *int // nil when there was no answer
	Error      string
	DurationMS int
}

// RecordAttempts appends to the endpoints' attempts, of which the newest 200
// each are kept. Attempts of deleted endpoints are dropped.
func (s *Store) RecordAttempts(ctx context.Context, attempts []Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	var p db.InsertAttemptsParams
	for _, a := range attempts {
		p.EndpointIds = append(p.EndpointIds, a.EndpointID)
		p.Seqs = append(p.Seqs, int64(a.Seq))
		p.Ats = append(p.Ats, a.At)
		p.Statuses = append(p.Statuses, orZero(a.Status))
		p.Errors = append(p.Errors, a.Error)
		p.Durations = append(p.Durations, a.DurationMS)
	}
	return failure("store.RecordAttempts", s.inTx(ctx, func(q *db.Queries) error {
		if err := q.InsertAttempts(ctx, p); err != nil {
			return err
		}
		ids := slices.Compact(slices.Sorted(slices.Values(p.EndpointIds)))
		return q.TrimAttempts(ctx, db.TrimAttemptsParams{Keep: keptAttempts, EndpointIds: ids})
	}))
}

// Attempts returns a page of the endpoint's attempts, newest first, and how
// many are kept.
func (s *Store) Attempts(ctx context.Context, endpointID string, offset, limit int) ([]Attempt, int, error) {
	const op = "store.Attempts"
	rows, err := s.q.AttemptsPage(ctx, db.AttemptsPageParams{EndpointID: endpointID, Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountAttempts(ctx, endpointID)
	list := make([]Attempt, len(rows))
	for i, r := range rows {
		list[i] = Attempt{EndpointID: r.EndpointID, Seq: r.Seq, At: r.At, Status: r.Status, Error: r.Error, DurationMS: r.DurationMs}
	}
	return list, int(total), failure(op, err)
}
