package worker

import (
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/keystore"
)

// replay handles messages of the own phone (history, app state keys) that an earlier
// connection or process did not finish. whatsmeow acknowledges these before any handler
// has seen them, so WhatsApp does not deliver them again. But the decrypted message
// stays in its buffer until the handler succeeds. All other messages come again from
// WhatsApp and are left alone.
func (h *handler) replay(cl *client.Client, before time.Time) {
	ctx, device := cl.Context(), cl.WA.Store.GetJID().String()
	var hashes [][]byte
	err := h.db.RetryUntilAvailable(ctx, func() (err error) {
		hashes, err = keystore.Leftovers(ctx, h.db.Pool, device, before)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			h.log.Warn().Err(err).Msg("messages left over not read")
		}
		return
	}
	for _, hash := range hashes {
		if err = h.replayOne(cl, hash); err != nil && ctx.Err() == nil {
			h.log.Warn().Err(err).Msg("message left over not handled")
		}
	}
}

func (h *handler) replayOne(cl *client.Client, hash []byte) error {
	left, err := cl.WA.Store.EventBuffer.GetBufferedEvent(cl.Context(), [32]byte(hash))
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
	own := cl.WA.Store.GetJID()
	evt := &events.Message{RawMessage: msg, Message: msg, Info: types.MessageInfo{
		Category:      "peer",
		MessageSource: types.MessageSource{Chat: own.ToNonAD(), Sender: own.ToNonAD(), IsFromMe: true},
	}}
	if !h.receive(cl, evt) {
		return errors.New("handler failed")
	}
	return cl.WA.Store.EventBuffer.ClearBufferedEventPlaintext(cl.Context(), [32]byte(hash))
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
