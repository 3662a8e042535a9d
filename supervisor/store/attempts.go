package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor/store/db"
)

// KeptAttempts is how many tries of an endpoint are shown, and kept by TrimAttempts.
const KeptAttempts = 200

// Attempt is what one try at a delivery brought.
type Attempt struct {
	EndpointID string
	Seq        uint64
	At         time.Time
	Status     *int // nil when there was no answer
	Error      string
	DurationMS int
}

// RecordAttempts appends to the endpoints' attempts. Attempts of endpoints that are
// deleted, or just being deleted, are dropped.
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
	return failure("store.RecordAttempts", s.q.InsertAttempts(ctx, p))
}

// TrimAttempts deletes all but the newest 200 attempts of each endpoint and returns
// how many.
func (s *Store) TrimAttempts(ctx context.Context) (int, error) {
	n, err := s.q.TrimAttempts(ctx, KeptAttempts)
	return int(n), failure("store.TrimAttempts", err)
}

// Attempts returns a page of the endpoint's newest 200 attempts, newest first, and how
// many of them there are.
func (s *Store) Attempts(ctx context.Context, endpointID string, offset, limit int) ([]Attempt, int, error) {
	const op = "store.Attempts"
	limit = max(0, min(limit, KeptAttempts-offset)) // more lie there until they are trimmed
	rows, err := s.q.AttemptsPage(ctx, db.AttemptsPageParams{EndpointID: endpointID, Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountAttempts(ctx, endpointID)
	list := make([]Attempt, len(rows))
	for i, r := range rows {
		list[i] = Attempt{EndpointID: r.EndpointID, Seq: r.Seq, At: r.At, Status: r.Status, Error: r.Error, DurationMS: r.DurationMs}
	}
	return list, min(int(total), KeptAttempts), failure(op, err)
}
