package worker

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/bounds"
)

// maxHistory bounds a part of the history as it travels, in bytes. Phones make
// parts of some megabytes.
const maxHistory = 32 << 20

// openHistory gets a part of the history and has whatsmeow read it and keep its
// secrets, after a look at what it unfolds to: whatsmeow would unpack some
// hundred KiB into gigabytes, and bytes into structs a hundred times larger. A
// part that is too large is bounds.ErrTooMuch.
func (c *core) openHistory(ctx context.Context, s *session, notice *waE2E.HistorySyncNotification) (*waHistorySync.HistorySync, error) {
	packed := notice.GetInitialHistBootstrapInlinePayload()
	if packed == nil {
		var err error
		packed, err = s.cli.Download(bounds.With(ctx, &bounds.Limit{Most: maxHistory}), notice)
		if fault.Is(err, fault.TooLarge) {
			return nil, bounds.ErrTooMuch
		}
		if err != nil {
			return nil, fmt.Errorf("download history: %w", err)
		}
	}
	unpacked, read := historyMemory(c.boot.GetMemoryLimitBytes())
	raw, err := bounds.Inflate(packed, unpacked)
	if err != nil {
		return nil, err
	}
	if _, err = bounds.Cost(raw, (&waHistorySync.HistorySync{}).ProtoReflect().Descriptor(), read); errors.Is(err, bounds.ErrTooMuch) {
		return nil, err
	}
	// What is no document at all is whatsmeow's to say.
	return s.cli.DownloadHistorySync(ctx, &waE2E.HistorySyncNotification{
		SyncType: notice.SyncType, ChunkOrder: notice.ChunkOrder, Progress: notice.Progress, InitialHistBootstrapInlinePayload: packed,
	}, true)
}
