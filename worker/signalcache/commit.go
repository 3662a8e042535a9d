package signalcache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Flush writes what the own side has changed and waits for the commit. It does nothing
// when no message would leave too early. It stands before everything that leaves.
func (c *Cache) Flush(ctx context.Context) error {
	c.mu.Lock()
	waits := c.own || c.committing
	c.mu.Unlock()
	if !waits {
		return nil
	}
	return c.write(ctx, nil)
}

// write commits what is staged, and the step if there is one.
func (c *Cache) write(ctx context.Context, s *Step) error {
	batch := &pgx.Batch{}
	done, err := c.ride(ctx, s, batch)
	if err != nil {
		return err
	}
	if batch.Len() > 0 {
		err = c.Retry(ctx, func() error { return send(ctx, c, batch) })
	}
	done(err)
	if err != nil {
		return fmt.Errorf("write Signal state: %w", err)
	}
	return nil
}

func send(ctx context.Context, c *Cache, batch *pgx.Batch) error {
	return c.Pool.SendBatch(ctx, batch).Close()
}

// Ride adds what is staged to a batch that the caller commits as one transaction. The
// caller calls done with the result, in any case: until then nobody else writes.
func (c *Cache) Ride(ctx context.Context, batch *pgx.Batch) (done func(error), err error) {
	return c.ride(ctx, nil, batch)
}

func (c *Cache) ride(ctx context.Context, s *Step, batch *pgx.Batch) (done func(error), err error) {
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the write before: %w", context.Cause(ctx))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		c.drop(s)
	}
	all := maps.Clone(c.staged)
	if s != nil && !s.ended {
		maps.Copy(all, s.rows)
	}
	own := c.own
	c.own, c.committing = false, own
	c.queue(batch, all)
	return func(err error) {
		defer func() { <-c.writing }()
		c.mu.Lock()
		c.committing = false
		switch {
		case err == nil:
			c.committed(all)
		case isGone(err):
			c.gone = true
			c.drop(s)
		default:
			c.own = c.own || own
		}
		c.mu.Unlock()
		if s != nil && (err == nil || isGone(err)) {
			s.end()
		}
	}, nil
}

// drop forgets all changes. The caller holds mu.
func (c *Cache) drop(s *Step) {
	clear(c.staged)
	c.own = false
	if s != nil {
		clear(s.rows)
	}
}

// committed makes rows those of the tables. The caller holds mu.
func (c *Cache) committed(all changes) {
	for k, r := range all {
		if c.staged[k] == r {
			delete(c.staged, k)
		}
		switch k.table {
		case sessions, identities, senderKeys, preKeys:
			c.keep(k, *r)
		}
	}
}

// isGone says that the device was deleted, so that its rows have nothing to belong to.
func isGone(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "23503" && strings.HasPrefix(pgErr.TableName, "whatsmeow_")
}

// statements write rows of one table: those with content, and those without.
var statements = [tables]struct{ put, remove string }{
	sessions: {
		`insert into whatsmeow_sessions (our_jid, their_id, session)
			select $1, t.a, t.v from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) t(a, b, c, v)
			on conflict (our_jid, their_id) do update set session = excluded.session`,
		`delete from whatsmeow_sessions where our_jid = $1 and their_id = any($2::text[])`,
	},
	identities: {
		`insert into whatsmeow_identity_keys (our_jid, their_id, identity)
			select $1, t.a, t.v from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) t(a, b, c, v)
			on conflict (our_jid, their_id) do update set identity = excluded.identity`,
		`delete from whatsmeow_identity_keys where our_jid = $1 and their_id = any($2::text[])`,
	},
	senderKeys: {
		put: `insert into whatsmeow_sender_keys (our_jid, chat_id, sender_id, sender_key)
			select $1, t.a, t.b, t.v from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) t(a, b, c, v)
			on conflict (our_jid, chat_id, sender_id) do update set sender_key = excluded.sender_key`,
	},
	preKeys: {remove: `delete from whatsmeow_pre_keys where jid = $1 and key_id = any($2::text[]::integer[])`},
	secrets: {
		put: `insert into whatsmeow_message_secrets (our_jid, chat_jid, sender_jid, message_id, key)
			select $1, t.a, t.b, t.c, t.v from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) t(a, b, c, v)
			on conflict (our_jid, chat_jid, sender_jid, message_id) do nothing`,
	},
	outgoing: {
		put: `insert into whatsmeow_retry_buffer (our_jid, chat_jid, message_id, plaintext, format, timestamp)
			select $1, t.a, t.b, t.v, t.f, t.at
			from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[]) t(a, b, c, v, f, at)
			on conflict (our_jid, chat_jid, message_id) do update
				set format = excluded.format, plaintext = excluded.plaintext, timestamp = excluded.timestamp`,
	},
	buffered: {
		put: `insert into whatsmeow_event_buffer (our_jid, ciphertext_hash, plaintext, server_timestamp, insert_timestamp)
			select $1, decode(t.a, 'hex'), t.v, t.f::bigint, t.at
			from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[]) t(a, b, c, v, f, at)
			on conflict (our_jid, ciphertext_hash) do nothing`,
	},
}

// queue adds the statements that write rows, one for each table and kind.
func (c *Cache) queue(batch *pgx.Batch, all changes) {
	type columns struct {
		a, b, c []string
		value   [][]byte
		format  []string
		at      []int64
	}
	var puts [tables]columns
	var removed [tables][]string
	for k, r := range all {
		if r.absent {
			removed[k.table] = append(removed[k.table], k.a)
			continue
		}
		p := &puts[k.table]
		p.a, p.b, p.c, p.value = append(p.a, k.a), append(p.b, k.b), append(p.c, k.c), append(p.value, r.value)
		p.format, p.at = append(p.format, r.format), append(p.at, r.at)
	}
	for t := range tables {
		if p := puts[t]; len(p.a) > 0 {
			args := []any{c.Device, p.a, p.b, p.c, p.value}
			if t == outgoing || t == buffered {
				args = append(args, p.format, p.at)
			}
			batch.Queue(statements[t].put, args...)
		}
		if len(removed[t]) > 0 {
			batch.Queue(statements[t].remove, c.Device, removed[t])
		}
	}
}

func number(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
