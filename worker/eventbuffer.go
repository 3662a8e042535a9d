package worker

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
)

// patientBuffer repeats the transaction in which a message is decrypted when
// the database goes away in the middle of it. Nothing is lost by repeating: the
// session is read afresh each time. Only a commit of unknown outcome needs care,
// because decrypting twice would look like an old message; then the buffered
// plaintext tells whether the first try was committed.
type patientBuffer struct {
	store.EventBuffer
	db    *database
	turns *turns
}

type bufferedHash struct {
	hash [32]byte
	set  bool
}

type bufferedHashKey struct{}

func (b patientBuffer) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	noted := &bufferedHash{}
	return b.db.insist(ctx, func() error {
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
		before := b.db.losses()
		err := b.turns.inTransaction(context.WithValue(ctx, bufferedHashKey{}, noted), func(ctx context.Context) error {
			return b.EventBuffer.DoDecryptionTxn(ctx, fn)
		})
		if err != nil && b.db.losses() != before {
			// The layers between may have turned the cause into text.
			return fmt.Errorf("%w: %w", errOutage, err)
		}
		return err
	})
}

func (b patientBuffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, serverTime time.Time) error {
	err := b.EventBuffer.PutBufferedEvent(ctx, hash, plaintext, serverTime)
	if noted, ok := ctx.Value(bufferedHashKey{}).(*bufferedHash); ok && err == nil {
		noted.hash, noted.set = hash, true
	}
	return err
}
