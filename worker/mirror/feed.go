package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// FeedEvent is one event as whatsapp-web.js has it.
type FeedEvent struct {
	Key  string // unique per instance; a second one with the same key is skipped
	Type string // message, qr, ready …
	Lane string // deliveries keep the order within a lane; "" for session events
	Args []any  // the arguments of the event, in order
	At   time.Time
}

// Append adds events that are not about the mirror (qr, ready, disconnected …)
// in one transaction. Events whose key is already there are skipped.
func (m *Mirror) Append(ctx context.Context, events ...FeedEvent) error {
	if len(events) == 0 {
		return nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	err := m.write(ctx, func(context.Context, bool) (*plan, error) {
		p := &plan{checkKeys: true}
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

// plan is what one transaction will write.
type plan struct {
	statements []statement
	events     []event
	checkKeys  bool     // an event may be there already: ask before writing
	after      []func() // changes of the cache, for when it is committed
}

type statement struct {
	sql  string
	args []any
}

type event struct {
	key, kind, lane string
	payload         []byte
	at              time.Time
}

func (p *plan) exec(sql string, args ...any) {
	p.statements = append(p.statements, statement{sql, args})
}

func (p *plan) then(f func()) { p.after = append(p.after, f) }

func (p *plan) empty() bool { return len(p.statements) == 0 && len(p.events) == 0 }

// emit adds an event. Arguments that are encoded already pass as json.RawMessage.
func (p *plan) emit(key, kind, lane string, at time.Time, args ...any) error {
	var payload bytes.Buffer
	encoded := make([][]byte, len(args))
	for i, arg := range args {
		var err error
		if encoded[i], err = shape.Marshal(arg); err != nil {
			return fmt.Errorf("encode %s: %w", kind, err)
		}
	}
	payload.WriteString(`{"data":`)
	if len(encoded) > 0 {
		payload.Write(encoded[0])
	} else {
		payload.WriteString("null")
	}
	payload.WriteString(`,"args":[`)
	payload.Write(bytes.Join(encoded, []byte{','}))
	payload.WriteString(`]}`)
	p.events = append(p.events, event{boundKey(key), kind, lane, payload.Bytes(), at})
	return nil
}

// boundKey keeps a key within what an index entry can hold.
func boundKey(key string) string {
	if len(key) <= 512 {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:64] + "#" + hex.EncodeToString(sum[:])
}

// Errors of feed_advance (see the migration).
const (
	codeFenced    = "WM001"
	codeHeadMoved = "WM002"
	codeDuplicate = "23505"
)

// maxTries bounds how often a write is worked out again because the database
// held something else than expected. Each reason can occur once in practice.
const maxTries = 4

// write works a plan out and commits it, and does so again when the database
// turns out to hold more than we thought: careful is true then, and the plan
// must look before it inserts. The caller holds writing.
func (m *Mirror) write(ctx context.Context, build func(ctx context.Context, careful bool) (*plan, error)) error {
	careful, checkKeys := false, false
	var err error
	for range maxTries {
		if !m.loaded {
			if err := m.claim(ctx); err != nil {
				return err
			}
		}
		var p *plan
		if p, err = build(ctx, careful); err != nil {
			return err
		}
		if p == nil || p.empty() {
			return nil
		}
		if checkKeys || p.checkKeys {
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
		var pgErr *pgconn.PgError
		m.loaded = false // whatever happened, what we believe is in doubt
		m.cache.forget()
		if !errors.As(err, &pgErr) {
			return err
		}
		switch {
		case pgErr.Code == codeFenced:
			return ErrFenced
		case pgErr.Code == codeHeadMoved:
			careful = true
		case pgErr.Code == codeDuplicate && pgErr.TableName == "events":
			checkKeys = true
		case pgErr.Code == codeDuplicate:
			careful = true
		default:
			return err
		}
	}
	return err
}

// skipKnown drops the events whose key the feed has, and repeated keys.
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

// commit sends the plan as one pipelined batch, which Postgres runs as one
// transaction: nothing of it stays when any statement fails.
func (m *Mirror) commit(ctx context.Context, p *plan) error {
	head := m.head.Load()
	batch := &pgx.Batch{}
	batch.Queue(db.AdvanceFeed, m.instance, m.generation, int64(head), int64(len(p.events)))
	for _, s := range p.statements {
		batch.Queue(s.sql, s.args...)
	}
	now := m.now()
	for i, e := range p.events {
		at := e.at
		if at.IsZero() {
			at = now
		}
		batch.Queue(db.InsertEvent, m.instance, int64(head)+int64(i)+1, e.key, e.kind, e.lane, e.payload, at)
	}
	if err := m.send(ctx, batch); err != nil {
		return fmt.Errorf("write mirror: %w", err)
	}
	for _, f := range p.after {
		f()
	}
	m.raise(head + uint64(len(p.events)))
	return nil
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
