package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/host"
)

const (
	historyTries   = 4
	historyTimeout = 90 * time.Second
	historyPause   = time.Second // doubles with each try

	// maxHistory bounds a part of the history as it travels, in bytes. Phones make parts
	// of some megabytes.
	maxHistory = 32 << 20
)

// receiveHistory downloads a part of the history and records it before the phone hears
// that we have it. whatsmeow's own way would acknowledge first, and lose the part when
// the process or the connection dies in between.
func (h *handler) receiveHistory(
	ctx context.Context, cl *client.Client, id types.MessageID, notice *waE2E.HistorySyncNotification,
) bool {
	history, err := h.downloadHistory(ctx, cl, notice)
	if errors.Is(err, bounds.ErrTooMuch) {
		// The phone would send the same again, so the event ends here.
		h.log.Error().Stringer("type", notice.GetSyncType()).Msg("history left out: it unfolds to more than the worker may take")
		h.report(cl, historyStored{progress: notice.GetProgress()})
		return true
	}
	if err != nil {
		if cl.Context().Err() != nil {
			return false
		}
		h.log.Warn().Err(err).Stringer("type", notice.GetSyncType()).Msg("history not downloaded")
		if !isFinal(err) {
			// The message stays in the buffer and is handled after the next login.
			h.tell(notRecorded{})
			h.counters.HandlerFailures.Add(1)
			return false
		}
		if id == "" { // replayed: the request would name no message
			return true
		}
		if err = cl.WA.SendHistorySyncServerErrorReceipt(ctx, id, notice.GetMediaKey()); err != nil {
			h.log.Warn().Err(err).Msg("history not asked for again")
		}
		return true
	}
	if !h.record(ctx, cl, &events.HistorySync{Data: history, Notification: notice}, nil) {
		return false
	}
	stored := historyStored{progress: history.GetProgress(), chats: len(history.GetConversations())}
	for _, chat := range history.GetConversations() {
		stored.messages += len(chat.GetMessages())
	}
	h.report(cl, stored)
	// The receipt and the deletion only help the phone and the server: neither may fail the
	// event.
	if err = cl.WA.SendProtocolMessageReceipt(ctx, id, types.ReceiptTypeHistorySync); err != nil {
		h.log.Debug().Err(err).Msg("history receipt not sent")
	}
	if notice.GetDirectPath() != "" {
		h.tasks.Go(func(context.Context) {
			ctx, cancel := context.WithTimeout(cl.Context(), historyTimeout)
			defer cancel()
			err := cl.WA.DeleteMedia(ctx, whatsmeow.MediaHistory,
				notice.GetDirectPath(), notice.GetFileEncSHA256(), notice.GetEncHandle())
			if err != nil {
				h.log.Debug().Err(err).Msg("history media not deleted")
			}
		})
	}
	return true
}

func (h *handler) downloadHistory(
	ctx context.Context, cl *client.Client, notice *waE2E.HistorySyncNotification,
) (history *waHistorySync.HistorySync, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.tuning.HandlerLimit)
	defer cancel()
	pause := backoff.New(historyPause, h.tuning.HandlerLimit)
	for range historyTries {
		once, cancel := context.WithTimeout(ctx, historyTimeout)
		history, err = h.openHistory(once, cl, notice)
		cancel()
		if err == nil || isFinal(err) || pause.Wait(ctx) != nil {
			return history, err
		}
	}
	return history, err
}

// isFinal reports whether another download would fail in the same way.
func isFinal(err error) bool {
	for _, final := range []error{
		bounds.ErrTooMuch,
		whatsmeow.ErrMediaDownloadFailedWith403, whatsmeow.ErrMediaDownloadFailedWith404, whatsmeow.ErrMediaDownloadFailedWith410,
		whatsmeow.ErrInvalidMediaHMAC, whatsmeow.ErrInvalidMediaEncSHA256, whatsmeow.ErrInvalidMediaSHA256,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// openHistory downloads a part of the history and has whatsmeow read it and keep its
// secrets. Before that it computes the size of the unpacked part: whatsmeow would unpack
// some hundred KiB into gigabytes, and bytes into structs a hundred times larger. A part
// that is too large is bounds.ErrTooMuch.
func (h *handler) openHistory(
	ctx context.Context, cl *client.Client, notice *waE2E.HistorySyncNotification,
) (*waHistorySync.HistorySync, error) {
	packed := notice.GetInitialHistBootstrapInlinePayload()
	if packed == nil {
		var err error
		packed, err = cl.WA.Download(bounds.With(ctx, &bounds.Limit{Most: maxHistory}), notice)
		if fault.Is(err, fault.TooLarge) {
			return nil, bounds.ErrTooMuch
		}
		if err != nil {
			return nil, fmt.Errorf("download history: %w", err)
		}
	}
	unpacked, read := host.HistoryMemory(h.memory)
	raw, err := bounds.Inflate(packed, unpacked)
	if err != nil {
		return nil, err
	}
	form := (&waHistorySync.HistorySync{}).ProtoReflect().Descriptor()
	if _, err = bounds.Cost(raw, form, read); errors.Is(err, bounds.ErrTooMuch) {
		return nil, err
	}
	// Whether the part is a document at all is for whatsmeow to say.
	return cl.WA.DownloadHistorySync(ctx, &waE2E.HistorySyncNotification{
		SyncType: notice.SyncType, ChunkOrder: notice.ChunkOrder, Progress: notice.Progress,
		InitialHistBootstrapInlinePayload: packed,
	}, true)
}
