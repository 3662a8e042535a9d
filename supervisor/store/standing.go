package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"whatsapp-manager/proto/event"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/standing"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// notices are the types of messages that nobody wrote, as the mirror has them.
var notices = []string{"notification_template", "e2e_notification", "broadcast_notification", "notification", "gp2"}

// Standing returns what WhatsApp has said of the instance's number, as its worker wrote
// it down. What has run out since may still be in it.
func (s *Store) Standing(ctx context.Context, instance supervisor.ID) (standing.Document, error) {
	const op = "store.Standing"
	known := standing.Document{Status: standing.StatusGood}
	raw, err := s.q.Standing(ctx, string(instance))
	switch err = failure(op, err); {
	case fault.Is(err, fault.NotFound):
		return known, nil
	case err != nil:
		return known, err
	}
	return readStanding(raw), nil
}

// readStanding reads what a worker wrote. What cannot be read says nothing: a worker that
// was taken over must not stop the manager with it.
func readStanding(raw json.RawMessage) standing.Document {
	var known standing.Document
	if json.Unmarshal(raw, &known) != nil || known.Status == "" {
		return standing.Document{Status: standing.StatusGood}
	}
	return known
}

// EndStandings ends what has run out by now, tells the feeds, and returns whose did.
func (s *Store) EndStandings(ctx context.Context, now time.Time) (ended []supervisor.ID, err error) {
	const op = "store.EndStandings"
	rows, err := s.q.EndedStandings(ctx, now)
	if err != nil {
		return nil, failure(op, err)
	}
	var failed error
	for _, id := range rows {
		err := s.inTx(ctx, func(q *db.Queries) error { return endStanding(ctx, q, id, now) })
		if err != nil {
			failed = errors.Join(failed, failure(op, err)) // one that fails holds up no other
			continue
		}
		ended = append(ended, supervisor.ID(id))
	}
	return ended, failed
}

func endStanding(ctx context.Context, q *db.Queries, id string, now time.Time) error {
	if err := q.HoldFeed(ctx, id); err != nil {
		return err
	}
	raw, err := q.Standing(ctx, id)
	if err != nil {
		return err
	}
	next, over := readStanding(raw).At(now)
	document, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("write standing: %w", err)
	}
	if err := q.PutStanding(ctx, db.PutStandingParams{InstanceID: id, Document: document, EndsAt: next.NextEnd()}); err != nil {
		return err
	}
	if !over {
		return nil // the worker was faster
	}
	news, err := json.Marshal(standing.News{Change: standing.Ended, Document: next})
	if err != nil {
		return fmt.Errorf("write standing: %w", err)
	}
	return addEvents(ctx, q, []Event{{
		Instance: supervisor.ID(id), Key: fmt.Sprintf("number_health:%s:%d", standing.Ended, now.UnixNano()),
		Type: "number_health", Payload: event.Encode(news), At: now,
	}})
}

// NumberDay is what a number sent to people on one day.
type NumberDay struct {
	Sends, ToStrangers    int // messages; to people who had not written by then
	Recipients, Strangers int // people
	NewChats              int // whose first message was the number's
	Undelivered           int // messages without a receipt, of those that are old enough to have one
}

// NumberReplies is how people answered a number.
type NumberReplies struct{ Recipients, Answered int }

// NumberDays counts what the instance's number sent to people since the first of the
// beginnings of days, which ascend. It has a count for each of them. A message without a
// receipt counts as undelivered when it is from before overdue.
func (s *Store) NumberDays(ctx context.Context, instance supervisor.ID, days []time.Time, overdue time.Time) ([]NumberDay, error) {
	starts := make([]int64, len(days))
	for i, day := range days {
		starts[i] = day.Unix()
	}
	rows, err := s.q.NumberDays(ctx, db.NumberDaysParams{
		InstanceID: string(instance), Starts: starts, Notices: notices, Overdue: overdue.Unix(),
	})
	if err != nil {
		return nil, failure("store.NumberDays", err)
	}
	counts := make([]NumberDay, len(days))
	for _, r := range rows {
		counts[r.Day-1] = NumberDay{
			Sends: r.Sends, ToStrangers: r.ToStrangers, Recipients: r.Recipients, Strangers: r.Strangers,
			NewChats: r.NewChats, Undelivered: r.Undelivered,
		}
	}
	return counts, nil
}

// NumberReplies counts to how many people the instance's number wrote since a time, and
// how many of them wrote afterwards.
func (s *Store) NumberReplies(ctx context.Context, instance supervisor.ID, since time.Time) (NumberReplies, error) {
	r, err := s.q.NumberReplies(ctx, db.NumberRepliesParams{InstanceID: string(instance), Since: since.Unix(), Notices: notices})
	return NumberReplies{Recipients: r.Recipients, Answered: r.Answered}, failure("store.NumberReplies", err)
}

// NumberRefusals counts the messages that WhatsApp refused since a day (UTC), by code.
func (s *Store) NumberRefusals(ctx context.Context, instance supervisor.ID, since time.Time) (map[int]int64, error) {
	rows, err := s.q.NumberRefusals(ctx, db.NumberRefusalsParams{InstanceID: string(instance), Since: since})
	counts := make(map[int]int64, len(rows))
	for _, r := range rows {
		counts[r.Code] = r.Count
	}
	return counts, failure("store.NumberRefusals", err)
}

// Blocked returns how many contacts the account has blocked.
func (s *Store) Blocked(ctx context.Context, instance supervisor.ID) (int, error) {
	n, err := s.q.CountBlocked(ctx, string(instance))
	return n, failure("store.Blocked", err)
}

// SetHealthPolicy writes the owner's policy for the number.
func (s *Store) SetHealthPolicy(ctx context.Context, id supervisor.ID, policy json.RawMessage) error {
	n, err := s.q.SetHealthPolicy(ctx, db.SetHealthPolicyParams{ID: string(id), Policy: policy})
	return found("store.SetHealthPolicy", n, err)
}

// NumberAge returns the time of the oldest message that the phone's history had, zero
// without any, and whether something is known of the number from before a time.
func (s *Store) NumberAge(ctx context.Context, instance supervisor.ID, before time.Time) (oldest time.Time, old bool, err error) {
	r, err := s.q.NumberAge(ctx, db.NumberAgeParams{InstanceID: string(instance), Before: before.Unix()})
	if r.Oldest > 0 {
		oldest = time.Unix(r.Oldest, 0).UTC()
	}
	return oldest, r.Old || !oldest.IsZero() && oldest.Before(before), failure("store.NumberAge", err)
}
