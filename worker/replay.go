package worker

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

const replayLimit = 100

// replay handles messages of the own phone (history, app state keys) that an
// earlier connection or process did not get through with. whatsmeow acknowledges
// those before any handler has seen them, so WhatsApp does not deliver them
// again; but what was decrypted stays in its buffer until the handler succeeds.
// All other messages come again from WhatsApp and are left alone.
func (c *core) replay(s *session, before time.Time) {
	jid := s.cli.Store.GetJID().String()
	hashes, err := c.unhandled(s.ctx, jid, before)
	if err != nil {
		if s.ctx.Err() == nil {
			c.log.Warn().Err(err).Msg("messages left over not read")
		}
		return
	}
	for _, hash := range hashes {
		if err = c.replayOne(s, hash); err != nil && s.ctx.Err() == nil {
			c.log.Warn().Err(err).Msg("message left over not handled")
		}
	}
}

func (c *core) unhandled(ctx context.Context, jid string, before time.Time) (hashes [][]byte, err error) {
	err = c.db.insist(ctx, func() error {
		rows, err := c.db.pool.Query(ctx, `select ciphertext_hash from `+librarySchema+`.whatsmeow_event_buffer
			where our_jid = $1 and plaintext is not null and insert_timestamp < $2 order by insert_timestamp limit $3`,
			jid, before.UnixMilli(), replayLimit)
		if err != nil {
			return fmt.Errorf("list messages left over: %w", err)
		}
		defer rows.Close()
		hashes = nil
		for rows.Next() {
			var hash []byte
			if err = rows.Scan(&hash); err != nil {
				return fmt.Errorf("list messages left over: %w", err)
			}
			hashes = append(hashes, hash)
		}
		return rows.Err()
	})
	return hashes, err
}

func (c *core) replayOne(s *session, hash []byte) error {
	left, err := s.cli.Store.EventBuffer.GetBufferedEvent(s.ctx, [32]byte(hash))
	if err != nil {
		return fmt.Errorf("read message left over: %w", err)
	}
	if left == nil {
		return nil
	}
	msg, ok := unpad(left.Plaintext)
	if !ok {
		return nil
	}
	peer := msg.GetProtocolMessage()
	if peer.GetHistorySyncNotification() == nil && peer.GetAppStateSyncKeyShare() == nil {
		return nil
	}
	own := s.cli.Store.GetJID()
	evt := &events.Message{RawMessage: msg, Message: msg, Info: types.MessageInfo{
		Category:      "peer",
		MessageSource: types.MessageSource{Chat: own.ToNonAD(), Sender: own.ToNonAD(), IsFromMe: true},
	}}
	if !c.receive(s, evt) {
		return fmt.Errorf("handler failed")
	}
	return s.cli.Store.EventBuffer.ClearBufferedEventPlaintext(s.ctx, [32]byte(hash))
}

// unpad undoes the padding of a message: n bytes of value n.
func unpad(padded []byte) (*waE2E.Message, bool) {
	if len(padded) == 0 {
		return nil, false
	}
	n := int(padded[len(padded)-1])
	if n == 0 || n > len(padded) {
		return nil, false
	}
	var msg waE2E.Message
	if err := proto.Unmarshal(padded[:len(padded)-n], &msg); err != nil {
		return nil, false
	}
	return &msg, true
}
