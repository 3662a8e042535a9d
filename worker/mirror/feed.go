package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/mirror/db"
)

// FeedEvent is one event of whatsapp-web.js.
type FeedEvent struct {
	Key  string    // unique per instance; a second one with the same key is skipped
	Type string    // message, qr, ready, ...
	Lane string    // deliveries keep the order within a lane; "" for link events
	Args []any     // the arguments of the event, in order
	At   time.Time // zero: now
}

// Append adds events that are not about the mirror (qr, ready, disconnected, ...) in one
// transaction. Events whose key is already in the feed are skipped.
func (m *Mirror) Append(ctx context.Context, events ...FeedEvent) error {
	if len(events) == 0 {
		return nil
	}
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	err := m.write(ctx, func(context.Context, bool) (*plan, error) {
		p := newPlan()
		p.checkKeys = true
		for _, e := range events {
			if err := p.emit(e.Key, e.Type, e.Lane, e.At, e.Args...); err != nil {
				return nil, err
			}
		}
		return p, nil
	})
	if err != nil {
		return fmt.Errorf("append to feed: %w", err)
	}
	return nil
}

// Errors of feed_advance (see the migration) and of unique indexes.
const (
	codeFenced    = "WM001"
	codeHeadMoved = "WM002"
	codeDuplicate = "23505"
)

// maxTries bounds how often a write is built again because the database had something
// else than expected. In practice each reason occurs once.
const maxTries = 4

// builder builds the plan of a write. careful is true when the database had more than
// expected; then the builder must look before it inserts.
type builder func(ctx context.Context, careful bool) (*plan, error)

// write builds a plan and commits it. When a try meets something unexpected, it does both
// again, carefully. The caller holds writing.
func (m *Mirror) write(ctx context.Context, build builder) error {
	return m.writeAfter(ctx, nil, build)
}

// writeAfter is write after a try that ended so; nil: there was none.
func (m *Mirror) writeAfter(ctx context.Context, err error, build builder) error {
	var c caution
	for range maxTries {
		if err != nil {
			if final := c.learn(err); final != nil {
				return final
			}
		}
		if !m.loaded {
			if err := m.claim(ctx); err != nil {
				return err
			}
		}
		var p *plan
		if p, err = build(ctx, c.careful); err != nil {
			return err
		}
		if c.checkKeys || p.checkKeys {
			if err := m.skipKnown(ctx, p); err != nil {
				return err
			}
		}
		if p.empty() {
			return nil
		}
		if err = m.commit(ctx, p); err == nil {
			return nil
		}
		m.doubt()
	}
	if final := c.learn(err); final != nil {
		return final
	}
	return err
}

// doubt forgets what is known of the database: a write may have been committed or not.
func (m *Mirror) doubt() {
	m.loaded = false
	m.cache.forget()
}

// caution is what the tries before have taught.
type caution struct{ careful, checkKeys bool }

// learn returns the error of the write when another try would end as this one did.
func (c *caution) learn(err error) (final error) {
	var pgErr *pgconn.PgError
	switch {
	case !errors.As(err, &pgErr):
		return err
	case pgErr.Code == codeFenced:
		return ErrFenced
	case pgErr.Code == codeHeadMoved:
		c.careful = true
	case pgErr.Code == codeDuplicate && pgErr.TableName == "events":
		c.careful, c.checkKeys = true, true
	case pgErr.Code == codeDuplicate:
		c.careful = true
	default:
		return err
	}
	return nil
}

// skipKnown drops events whose key is in the feed already, and repeated keys.
func (m *Mirror) skipKnown(ctx context.Context, p *plan) error {
	if len(p.events) == 0 {
		return nil
	}
	keys := make([]string, len(p.events))
	for i, e := range p.events {
		keys[i] = e.key
	}
	found, err := m.q.KnownKeys(ctx, db.KnownKeysParams{InstanceID: m.instance, Keys: keys})
	if err != nil {
		return fmt.Errorf("look for known events: %w", err)
	}
	known := make(map[string]bool, len(found)+len(keys))
	for _, key := range found {
		known[key] = true
	}
	kept := p.events[:0]
	for _, e := range p.events {
		if !known[e.key] {
			known[e.key] = true
			kept = append(kept, e)
		}
	}
	p.events = kept
	return nil
}

// commit sends the plan as one pipelined batch. Postgres runs it as one transaction, so
// nothing of it stays when any statement fails.
func (m *Mirror) commit(ctx context.Context, p *plan) error {
	head := int64(m.head.Load())
	batch := &recorder{}
	put := db.New(batch)
	m.advance(ctx, put, head, p.events)
	batch.QueuedQueries = append(batch.QueuedQueries, p.recorded.QueuedQueries...)
	rider, _ := ctx.Value(riderKey{}).(Rider)
	if rider == nil {
		rider = m.rider
	}
	if err := m.sendWith(ctx, &batch.Batch, rider); err != nil {
		return fmt.Errorf("write mirror: %w", err)
	}
	for _, f := range p.after {
		f()
	}
	m.raise(uint64(head) + uint64(len(p.events)))
	return nil
}

// advance makes sure that the feed is ours and stands where we know it, and adds events
// behind the head. It comes first, so that nothing else is done in vain.
func (m *Mirror) advance(ctx context.Context, put *db.Queries, head int64, events []event) {
	if len(events) == 0 {
		put.AdvanceFeed(ctx, db.AdvanceFeedParams{InstanceID: m.instance, Generation: m.generation, FromHead: head})
		return
	}
	now := m.now()
	rows := db.AppendEventsParams{
		InstanceID: m.instance, Generation: m.generation, FromHead: head, Count: int64(len(events)),
	}
	payloads := said(events)
	for i, e := range events {
		at := e.at
		if at.IsZero() {
			at = now
		}
		rows.Seqs, rows.Keys, rows.Types = append(rows.Seqs, head+int64(i)+1), append(rows.Keys, e.key), append(rows.Types, e.kind)
		rows.Lanes, rows.Payloads, rows.Ats = append(rows.Lanes, e.lane), append(rows.Payloads, payloads[i]), append(rows.Ats, at)
	}
	put.AppendEvents(ctx, rows)
}

// said are the payloads of the events. Of two in a row that say the same, such as
// message_create and message, the second has it.
func said(events []event) [][]byte {
	all := make([][]byte, len(events))
	for i, e := range events {
		all[i] = e.payload
		// The one before stands by itself as long as nothing refers to it.
		if i > 0 && len(e.payload) >= payload.Worth && bytes.Equal(all[i-1], e.payload) && (i == 1 || string(all[i-2]) != payload.Next) {
			all[i-1] = []byte(payload.Next)
		}
	}
	return all
}

func (m *Mirror) sendWith(ctx context.Context, batch *pgx.Batch, rider Rider) (err error) {
	if rider != nil {
		done, err := rider.Ride(ctx, batch)
		if err != nil {
			return err
		}
		err = m.send(ctx, batch)
		done(err)
		return err
	}
	return m.send(ctx, batch)
}

func (m *Mirror) send(ctx context.Context, batch *pgx.Batch) (err error) {
	results := m.pool.SendBatch(ctx, batch)
	defer func() {
		if closeErr := results.Close(); err == nil {
			err = closeErr
		}
	}()
	for range batch.Len() {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return nil
}
