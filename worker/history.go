package worker

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/bounds"
)

const (
	historyTries   = 4
	historyTimeout = 90 * time.Second
)

// historyStored tells the main loop that a part of the history is in Postgres.
type historyStored struct{ progress uint32 }

// receiveHistory downloads a part of the history and records it before the
// phone hears that we have it. whatsmeow's own way would acknowledge first and
// lose the part when the process or the connection dies in between.
func (c *core) receiveHistory(ctx context.Context, s *session, id types.MessageID, notice *waE2E.HistorySyncNotification) bool {
	history, err := c.downloadHistory(ctx, s, notice)
	if errors.Is(err, bounds.ErrTooMuch) {
		// The phone would send the same again, so there is an end of it.
		c.log.Error().Stringer("type", notice.GetSyncType()).Msg("history left out: it unfolds to more than the worker may take")
		c.tell(fromSession{s, historyStored{notice.GetProgress()}})
		return true
	}
	if err != nil {
		if s.ctx.Err() != nil {
			return false
		}
		c.log.Warn().Err(err).Stringer("type", notice.GetSyncType()).Msg("history not downloaded")
		if !gone(err) {
			// It is left over, and handled after the next login.
			c.tell(giveBack{})
			c.counts.failures.Add(1)
			return false
		}
		if id == "" { // replayed: nothing to name in the request
			return true
		}
		if err = s.cli.SendHistorySyncServerErrorReceipt(ctx, id, notice.GetMediaKey()); err != nil {
			c.log.Warn().Err(err).Msg("history not asked for again")
		}
		return true
	}
	if !c.record(ctx, s, &events.HistorySync{Data: history, Notification: notice}) {
		return false
	}
	c.tell(fromSession{s, historyStored{history.GetProgress()}})
	// Politeness to the phone and the server: neither may fail the event.
	if err = s.cli.SendProtocolMessageReceipt(ctx, id, types.ReceiptTypeHistorySync); err != nil {
		c.log.Debug().Err(err).Msg("history receipt not sent")
	}
	if notice.GetDirectPath() != "" {
		c.background(func() {
			ctx, cancel := context.WithTimeout(s.ctx, historyTimeout)
			defer cancel()
			if err := s.cli.DeleteMedia(ctx, whatsmeow.MediaHistory, notice.GetDirectPath(), notice.GetFileEncSHA256(), notice.GetEncHandle()); err != nil {
				c.log.Debug().Err(err).Msg("history media not deleted")
			}
		})
	}
	return true
}

func (c *core) downloadHistory(ctx context.Context, s *session, notice *waE2E.HistorySyncNotification) (history *waHistorySync.HistorySync, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.tuning.HandlerLimit)
	defer cancel()
	for try := range historyTries {
		once, cancel := context.WithTimeout(ctx, historyTimeout)
		history, err = c.openHistory(once, s, notice)
		cancel()
		if err == nil || gone(err) || !sleep(ctx, time.Second<<try) {
			return history, err
		}
	}
	return history, err
}

// gone reports whether downloading again cannot help.
func gone(err error) bool {
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
