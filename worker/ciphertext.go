package worker

import (
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// expectContent tells after a while that a message has not become readable:
// whatsapp-web.js waits 15 s for what its sender is asked to send again. A
// worker that ends meanwhile tells nothing; the message stays of type ciphertext.
func (c *core) expectContent(m *inbound.Message) {
	id := m.ID
	c.background(func() {
		if !sleep(c.ctx, c.tuning.CiphertextWait) {
			return
		}
		record, err := c.mirror.Message(c.ctx, id)
		if err != nil || record.Shape.Type != shape.TypeCiphertext {
			return // readable, deleted, or the database is away
		}
		c.feed.put(mirror.FeedEvent{
			Key: "ciphertext_failed:" + record.Shape.ID.Serialized, Type: "message_ciphertext_failed", Lane: record.Shape.ID.Remote, Args: []any{record.Shape}, At: time.Now(),
		})
	})
}
