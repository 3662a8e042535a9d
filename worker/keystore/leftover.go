package keystore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxLeftovers bounds what one call of Leftovers returns.
const maxLeftovers = 100

// Leftovers returns the hashes of messages to the device that were decrypted before that
// moment and that no handler has finished, oldest first.
func Leftovers(ctx context.Context, pool *pgxpool.Pool, device string, before time.Time) ([][]byte, error) {
	rows, err := pool.Query(ctx, `select ciphertext_hash from `+Schema+`.whatsmeow_event_buffer
		where our_jid = $1 and plaintext is not null and insert_timestamp < $2 order by insert_timestamp limit $3`,
		device, before.UnixMilli(), maxLeftovers)
	if err == nil {
		var hashes [][]byte
		if hashes, err = pgx.CollectRows(rows, pgx.RowTo[[]byte]); err == nil {
			return hashes, nil
		}
	}
	return nil, fmt.Errorf("list messages left over: %w", err)
}
