package pgretry

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/worker/signalstore"
)

// EventBuffer returns a buffer that repeats the transaction in which a message is
// decrypted when the database goes away in the middle of it. Nothing is lost by
// repeating, because the Signal session is read afresh each time. Only a commit of
// unknown outcome needs care: to decrypt twice would look like an old message. Then
// the buffered plaintext tells whether the first try was committed.
func (db *DB) EventBuffer(inner store.EventBuffer, locks *signalstore.Locks) store.EventBuffer {
	return retryBuffer{EventBuffer: inner, db: db, locks: locks}
}

// HasEventBuffer reports whether the buffer comes from EventBuffer.
func HasEventBuffer(b store.EventBuffer) bool {
	_, ok := b.(retryBuffer)
	return ok
}

type retryBuffer struct {
	store.EventBuffer
	db    *DB
	locks *signalstore.Locks
}

type bufferedHash struct {
	hash [32]byte
	set  bool
}

type bufferedHashKey struct{}

func (b retryBuffer) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	noted := &bufferedHash{}
	return b.db.RetryUntilAvailable(ctx, func() error {
		if noted.set {
			buffered, err := b.GetBufferedEvent(ctx, noted.hash)
			if err != nil {
				return err
			}
			if buffered != nil {
				return nil
			}
			noted.set = false
		}
		before := b.db.outages()
		err := b.locks.InTransaction(context.WithValue(ctx, bufferedHashKey{}, noted), func(ctx context.Context) error {
			return b.EventBuffer.DoDecryptionTxn(ctx, fn)
		})
		if err != nil && b.db.outages() != before {
			// The layers between may have turned the cause into text.
			return fmt.Errorf("%w: %w", errOutage, err)
		}
		return err
	})
}

func (b retryBuffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, serverTime time.Time) error {
	err := b.EventBuffer.PutBufferedEvent(ctx, hash, plaintext, serverTime)
	if noted, ok := ctx.Value(bufferedHashKey{}).(*bufferedHash); ok && err == nil {
		noted.hash, noted.set = hash, true
	}
	return err
}
