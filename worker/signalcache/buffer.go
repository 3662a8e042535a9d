package signalcache

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protowire"

	"whatsapp-manager/worker/signalstore"
)

// eventBuffer is under the seals: it keeps texts as they stand in the tables.
type eventBuffer struct {
	store.EventBuffer
	c *Cache
}

func (b eventBuffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, serverTime time.Time) error {
	b.c.put(ctx, key{table: buffered, a: hex.EncodeToString(hash[:])},
		row{value: plaintext, format: strconv.FormatInt(serverTime.Unix(), 10), at: time.Now().UnixMilli()}, false)
	return nil
}

// AddOutgoingEvent returns before the message is written; Flush stands before it leaves.
func (b eventBuffer) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, plaintext []byte) error {
	b.c.put(ctx, key{table: outgoing, a: chat.String(), b: id},
		row{value: plaintext, format: format, at: time.Now().UnixMilli()}, true)
	return nil
}

func (b eventBuffer) GetOutgoingEvent(ctx context.Context, chat, altChat types.JID, id types.MessageID) (string, []byte, error) {
	for _, jid := range []types.JID{chat, altChat} {
		if r, ok := b.c.known(ctx, key{table: outgoing, a: jid.String(), b: id}); ok {
			return r.format, r.value, nil
		}
	}
	return b.EventBuffer.GetOutgoingEvent(ctx, chat, altChat, id)
}

// sweepEvery is how often whatsmeow means to delete old outgoing messages; it does so for
// each message.
const sweepEvery = 12 * time.Hour

func (b eventBuffer) DeleteOldOutgoingEvents(ctx context.Context) error {
	b.c.mu.Lock()
	due := time.Since(b.c.swept) > sweepEvery
	if due {
		b.c.swept = time.Now()
	}
	b.c.mu.Unlock()
	if !due {
		return nil
	}
	return b.EventBuffer.DeleteOldOutgoingEvents(ctx)
}

// front is the event buffer as whatsmeow sees it, in front of the seals. It keeps the text
// only of what whatsmeow acknowledges before it is handled.
type front struct {
	store.EventBuffer
	c *Cache
}

// Guard puts the cache's steps and the locks of Signal sessions in front of the device's
// stores, once seals are in place.
func (c *Cache) Guard(device *store.Device) {
	device.EventBuffer = front{device.EventBuffer, c}
	device.Sessions = signalstore.Guard(device.Sessions, c.locks)
}

// IsGuarded reports whether a cache guards the device.
func IsGuarded(device *store.Device) bool {
	_, ok := device.EventBuffer.(front)
	return ok
}

func (b front) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	return b.c.decrypt(ctx, fn)
}

func (b front) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, serverTime time.Time) error {
	if !isProtocol(plaintext) {
		return nil
	}
	if err := b.EventBuffer.PutBufferedEvent(ctx, hash, plaintext, serverTime); err != nil {
		return err
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if s := b.c.stepOf(ctx); s != nil {
		s.kept = &hash
	}
	return nil
}

func (b front) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	if left, err := b.c.isLeft(ctx, hash); err != nil || !left {
		return nil, err
	}
	return b.EventBuffer.GetBufferedEvent(ctx, hash)
}

// ClearBufferedEventPlaintext is called for each message that was handled.
func (b front) ClearBufferedEventPlaintext(ctx context.Context, hash [32]byte) error {
	c := b.c
	c.mu.Lock()
	open, staged, left := c.step, len(c.staged) > 0, c.left[hash]
	if open != nil && !open.orphaned(c.origin(ctx)) {
		open = nil // a handler's, by another connection
	}
	c.mu.Unlock()
	if open != nil || staged {
		if err := c.write(ctx, open); err != nil {
			return err
		}
	}
	if !left {
		return nil
	}
	if err := b.EventBuffer.ClearBufferedEventPlaintext(ctx, hash); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.left, hash)
	return nil
}

// isLeft reports whether the text of a message is in the table: because no handler was
// done with it yet, or because an older version left it there.
func (c *Cache) isLeft(ctx context.Context, hash [32]byte) (bool, error) {
	c.mu.Lock()
	left, known := c.left[hash], c.leftKnown
	c.mu.Unlock()
	if known {
		return left, nil
	}
	var found [][]byte
	err := c.Retry(ctx, func() error {
		rows, _ := c.Pool.Query(ctx, // its error comes with the rows
			"select ciphertext_hash from whatsmeow_event_buffer where our_jid = $1 and plaintext is not null", c.Device)
		var err error
		found, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
		return err
	})
	if err != nil {
		return false, fmt.Errorf("list messages left over: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range found {
		if len(one) == len(hash) {
			c.left[[32]byte(one)] = true
		}
	}
	c.leftKnown = true
	return c.left[hash], nil
}

// Fields of waE2E.Message, and of its DeviceSentMessage.
const (
	fieldProtocol   = 12
	fieldDeviceSent = 31
	fieldSentInside = 2
)

// isProtocol reports whether a decrypted message is an order to the device, padded as
// whatsmeow hands it over: n bytes of value n.
func isProtocol(padded []byte) bool {
	if len(padded) == 0 {
		return false
	}
	n := int(padded[len(padded)-1])
	if n > len(padded) {
		return false
	}
	message := padded[:len(padded)-n]
	if inside := field(field(message, fieldDeviceSent), fieldSentInside); inside != nil {
		message = inside
	}
	return field(message, fieldProtocol) != nil
}

// field returns the last field of that number that has a length, nil when there is none.
func field(message []byte, number protowire.Number) []byte {
	var found []byte
	for len(message) > 0 {
		num, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			break
		}
		message = message[n:]
		if num == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if value == nil {
				break
			}
			found = value
		}
		if n = protowire.ConsumeFieldValue(num, kind, message); n < 0 {
			break
		}
		message = message[n:]
	}
	return found
}
