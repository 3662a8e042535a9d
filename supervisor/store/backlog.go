package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor/store/db"
)

// Backlog is an event that could not be delivered at once, or stands behind
// one of the same lane that could not. Live rows are waiting; dead ones
// (DeadAt set) have spent their retries and hold up nobody.
type Backlog struct {
	EndpointID string
	Seq        uint64
	Lane       string
	Attempts   int
	NextAt     time.Time
	DeadAt     *time.Time
	LastStatus *int // HTTP status of the last try, nil when there was no answer
	LastError  string
}

// Park puts rows into the endpoint's backlog and moves its cursor up to
// cursor, both or neither. Rows that are there already stay as they are; for
// an endpoint that was deleted meanwhile nothing happens.
func (s *Store) Park(ctx context.Context, id string, cursor uint64, rows []Backlog) error {
	p := db.ParkBacklogParams{EndpointID: id}
	lastError := ""
	for _, r := range rows {
		p.Seqs = append(p.Seqs, int64(r.Seq))
		p.Lanes = append(p.Lanes, r.Lane)
		p.Attempts = append(p.Attempts, r.Attempts)
		p.NextAts = append(p.NextAts, r.NextAt)
		p.DeadAts = append(p.DeadAts, orZero(r.DeadAt))
		p.Statuses = append(p.Statuses, orZero(r.LastStatus))
		p.Errors = append(p.Errors, r.LastError)
		if r.LastError != "" {
			lastError = r.LastError
		}
	}
	return failure("store.Park", s.inTx(ctx, func(q *db.Queries) error {
		// First the endpoint: whoever deletes it waits, or we find nothing.
		n, err := q.RaiseCursor(ctx, db.RaiseCursorParams{ID: id, Cursor: cursor, Error: lastError})
		if err != nil || n == 0 || len(rows) == 0 {
			return err
		}
		return q.ParkBacklog(ctx, p)
	}))
}

// BacklogHeads returns the first live row of each lane, those due first in
// front. Its cost is in lanes, not in rows.
func (s *Store) BacklogHeads(ctx context.Context, endpointID string, limit int) ([]Backlog, error) {
	rows, err := s.q.BacklogHeads(ctx, db.BacklogHeadsParams{EndpointID: endpointID, Lim: limit})
	list := make([]Backlog, len(rows))
	for i, r := range rows {
		list[i] = Backlog(r)
	}
	return list, failure("store.BacklogHeads", err)
}

// BacklogLane returns the first live rows of a lane, in ascending order.
func (s *Store) BacklogLane(ctx context.Context, endpointID, lane string, limit int) ([]Backlog, error) {
	rows, err := s.q.BacklogLane(ctx, db.BacklogLaneParams{EndpointID: endpointID, Lane: lane, Lim: limit})
	return backlogOf(rows), failure("store.BacklogLane", err)
}

// BacklogLanes returns the lanes that have live rows, in order of their names.
func (s *Store) BacklogLanes(ctx context.Context, endpointID string) ([]string, error) {
	lanes, err := s.q.BacklogLanes(ctx, endpointID)
	return lanes, failure("store.BacklogLanes", err)
}

// ResolveBacklog removes a delivered row, when it is there.
func (s *Store) ResolveBacklog(ctx context.Context, endpointID string, seq uint64) error {
	return failure("store.ResolveBacklog", s.q.ResolveBacklog(ctx, db.ResolveBacklogParams{EndpointID: endpointID, Seq: seq}))
}

// RetryBacklog records a failed try of a live row and when the next one is
// due; attempts is the new count.
func (s *Store) RetryBacklog(ctx context.Context, endpointID string, seq uint64, attempts int, nextAt time.Time, status *int, errText string) error {
	return failure("store.RetryBacklog", s.q.RetryBacklog(ctx, db.RetryBacklogParams{
		EndpointID: endpointID, Seq: seq, Attempts: attempts, NextAt: nextAt, Status: status, Error: errText,
	}))
}

// MoveToDeadLetter records the last failed try of a live row and makes it a dead
// letter.
func (s *Store) MoveToDeadLetter(ctx context.Context, endpointID string, seq uint64, now time.Time, status *int, errText string) error {
	return failure("store.MoveToDeadLetter", s.q.MoveToDeadLetter(ctx, db.MoveToDeadLetterParams{
		EndpointID: endpointID, Seq: seq, At: now, Status: status, Error: errText,
	}))
}

// DeadLetters returns a page of the endpoint's dead letters in order of their
// seq, and how many there are.
func (s *Store) DeadLetters(ctx context.Context, endpointID string, offset, limit int) ([]Backlog, int, error) {
	const op = "store.DeadLetters"
	rows, err := s.q.DeadLetters(ctx, db.DeadLettersParams{EndpointID: endpointID, Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountDeadLetters(ctx, endpointID)
	return backlogOf(rows), int(total), failure(op, err)
}

// Redrive makes dead letters live again, due now with all their retries; all
// of the endpoint's when seqs is nil. It returns how many. Within its lane a
// redriven event comes before the younger ones that still wait.
func (s *Store) Redrive(ctx context.Context, endpointID string, seqs []uint64, now time.Time) (int, error) {
	p := db.RedriveParams{EndpointID: endpointID, At: now}
	if seqs != nil {
		p.Seqs = signed(seqs)
	}
	n, err := s.q.Redrive(ctx, p)
	return int(n), failure("store.Redrive", err)
}

func backlogOf(rows []db.WebhookBacklog) []Backlog {
	list := make([]Backlog, len(rows))
	for i, r := range rows {
		list[i] = Backlog(r)
	}
	return list
}

// orZero gives the value that the statements take for null in arrays.
func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
