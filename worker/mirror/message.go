package mirror

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// message adds a new message. The first try does not look whether the message is there
// already: that is rare, and then the primary key refuses it.
func (w *writer) message(ctx context.Context, op *inbound.Message) (*shape.Message, error) {
	ch, err := w.chatNow(ctx, op.Chat)
	if err != nil {
		return nil, err
	}
	readable := false
	if w.careful {
		row, found, err := w.find(ctx, op.Chat, op.ID)
		if err != nil {
			return nil, err
		}
		if found && (row.Type != shape.TypeCiphertext || op.Raw == nil) {
			return nil, nil
		}
		if !found {
			told, err := w.q.KnownKeys(ctx, db.KnownKeysParams{
				InstanceID: w.instance, Keys: []string{boundKey("message_create:" + messageKey(op))},
			})
			if err != nil || len(told) > 0 { // it was there and has been deleted
				return nil, err
			}
		}
		readable = found
	}
	if op, err = w.caughtUp(ctx, op); err != nil {
		return nil, err
	}
	source := w.newSource(op)
	recipients := op.Recipients
	if shape.IsGroup(op.Chat) && recipients == 0 {
		recipients = ch.others
	}
	unknown := op.Fresh && !w.careful && !w.cache.early.has(op.ID, w.now)
	if op.FromMe {
		level := int(inbound.LevelServer)
		if !unknown {
			if level, err = w.reached(ctx, op.Chat, op.ID, recipients); err != nil {
				return nil, err
			}
		}
		source.Ack = max(source.Ack, level)
	}
	done, names := shape.Render(source), naming{}
	names.message(&done, w.me())
	names.fill(ch.ID, ch.username)
	delete(names.places, ch.ID)
	if err := w.name(ctx, names); err != nil {
		return nil, err
	}
	row, err := w.putMessage(ctx, op, done, recipients, readable)
	if err != nil {
		return nil, err
	}
	if op.Keep != nil {
		w.putKeep(ctx, op.Chat, op.Keep, keptTimes(op.Keep))
	} else if unknown {
		w.noteSent(row, nil)
	}

	key := messageKey(op)
	switch {
	case done.Type == shape.TypeCiphertext:
		err = w.emit("ciphertext:"+key, "message_ciphertext", op.Chat, time.Time{}, done)
	case op.FromMe:
		err = w.emitOwn(key, op, done)
	default:
		var encoded json.RawMessage
		if encoded, err = shape.Marshal(done); err != nil {
			return nil, err
		}
		content := w.content(op.Raw)
		if err = w.emitWith(content, "message_create:"+key, "message_create", op.Chat, time.Time{}, encoded); err == nil {
			err = w.emitWith(content, "message:"+key, "message", op.Chat, time.Time{}, encoded)
		}
	}
	if err != nil {
		return nil, err
	}
	return &done, w.touch(ctx, ch, op, done, key)
}

func (w *writer) newSource(op *inbound.Message) shape.Source {
	s := shape.Source{
		Me: w.me(), Chat: op.Chat, ID: op.ID, FromMe: op.FromMe, Sender: op.Sender, Timestamp: op.At.Unix(),
		PushName: op.PushName, Raw: op.Raw, Type: op.Type, Subtype: op.Subtype, Body: op.Body, Ack: op.Ack, Starred: op.Starred,
		Broadcast: op.Broadcast, New: true, ServerID: op.ServerID,
	}
	if k := op.Keep; k != nil {
		s.Keep = &shape.Keep{On: k.On, ID: k.ID, By: k.By, AtMs: k.AtMs, Count: keptTimes(k)}
	}
	return s
}

// messageKey does not contain the chat, which may be known by another id next time.
func messageKey(op *inbound.Message) string {
	if op.FromMe {
		return op.ID + ":me"
	}
	return op.ID + ":" + op.Sender
}

// putMessage writes a message. It returns the new row, without its position.
func (w *writer) putMessage(
	ctx context.Context, op *inbound.Message, done shape.Message, recipients int, readable bool,
) (db.Message, error) {
	raw, err := encodeRaw(op.Raw)
	if err != nil {
		return db.Message{}, err
	}
	if readable {
		w.put.DecryptedMessage(ctx, db.DecryptedMessageParams{
			InstanceID: w.instance, Chat: op.Chat, ID: op.ID, Type: done.Type, Body: done.Body, Raw: raw,
			PushName: op.PushName, ServerID: int32(op.ServerID),
		})
		return db.Message{}, nil
	}
	row := db.Message{
		InstanceID: w.instance, Chat: op.Chat, ID: op.ID, FromMe: op.FromMe, Sender: op.Sender,
		Timestamp: op.At.Unix(), Type: done.Type, Subtype: op.Subtype, Body: done.Body, Ack: int16(done.Ack), PushName: op.PushName,
		Raw: raw, Broadcast: op.Broadcast, ServerID: int32(op.ServerID), Recipients: int32(recipients),
	}
	w.put.InsertMessage(ctx, db.InsertMessageParams{
		InstanceID: row.InstanceID, Chat: row.Chat, ID: row.ID, FromMe: row.FromMe, Sender: row.Sender,
		Timestamp: row.Timestamp, Type: row.Type, Subtype: row.Subtype, Body: row.Body, Ack: row.Ack, PushName: row.PushName,
		Raw: row.Raw, Broadcast: row.Broadcast, ServerID: row.ServerID, Recipients: row.Recipients,
	})
	return row, nil
}

// emitOwn adds the events of an own message. A message that this device sent begins as
// pending and then reaches the server. Receipts may have come before it is recorded.
func (w *writer) emitOwn(key string, op *inbound.Message, done shape.Message) error {
	content := w.content(op.Raw)
	if !op.Sent {
		return w.emitWith(content, "message_create:"+key, "message_create", op.Chat, time.Time{}, done)
	}
	created := done
	created.Ack, created.Data.Ack = int(inbound.LevelPending), int(inbound.LevelPending)
	if err := w.emitWith(content, "message_create:"+key, "message_create", op.Chat, time.Time{}, created); err != nil {
		return err
	}
	if done.HasMedia { // media are uploaded before they are sent
		if err := w.emitWith(content, "media:"+key, "media_uploaded", op.Chat, time.Time{}, created); err != nil {
			return err
		}
	}
	for level := int(inbound.LevelServer); level <= done.Ack; level++ {
		if level != int(inbound.LevelServer) && level != done.Ack {
			continue
		}
		if err := w.emitAck(op.Chat, op.ID, level, done, content); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) emitAck(chat, id string, level int, msg shape.Message, content payload.Raw) error {
	msg.Ack, msg.Data.Ack = level, level
	return w.emitWith(content, "ack:"+id+":"+chat+":"+strconv.Itoa(level), "message_ack", chat, time.Time{}, msg, level)
}

// touch moves the chat up and counts unread messages.
func (w *writer) touch(ctx context.Context, ch chat, op *inbound.Message, done shape.Message, key string) error {
	if op.Chat == shape.StatusID || strings.HasSuffix(op.Chat, "@broadcast") {
		return nil
	}
	counts := !op.FromMe && done.Type != shape.TypeCiphertext
	if counts {
		ch.UnreadCount = max(ch.UnreadCount, 0) + 1
	}
	ch.Timestamp = max(ch.Timestamp, done.Timestamp)
	w.put.TouchChat(ctx, db.TouchChatParams{
		InstanceID: w.instance, ID: op.Chat, UnreadCount: ch.UnreadCount, Timestamp: ch.Timestamp,
	})
	if op.Timer != nil && int32(op.Timer.Seconds) != ch.EphemeralDuration {
		ch = w.timed(ctx, ch, *op.Timer)
	}
	w.remember(ch)
	if !counts {
		return nil
	}
	return w.emit("unread_count:"+key, "unread_count", op.Chat, time.Time{}, ch.shape())
}
