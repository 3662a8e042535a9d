package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// setting writes the owner's change of a chat, with the events that upstream has for it.
func (w *writer) setting(ctx context.Context, op *inbound.ChatSetting) error {
	s := op.State
	ch, err := w.chatNow(ctx, s.ID)
	if err != nil {
		return err
	}
	before := ch
	if s.Archived != nil {
		ch.Archived = *s.Archived
	}
	if s.Pinned != nil {
		ch.Pinned = *s.Pinned
	}
	if s.MutedUntil != nil {
		ch.MutedUntil = *s.MutedUntil
	}
	var unread *int32
	if s.Unread != nil {
		n := int32(*s.Unread)
		unread, ch.UnreadCount = &n, n
	}
	if ch.Archived == before.Archived && ch.Pinned == before.Pinned && ch.MutedUntil == before.MutedUntil &&
		ch.UnreadCount == before.UnreadCount {
		return nil
	}
	w.put.SetChat(ctx, db.SetChatParams{
		InstanceID: w.instance, ID: s.ID, UnreadCount: unread, Archived: s.Archived, Pinned: s.Pinned, MutedUntil: s.MutedUntil,
	})
	w.remember(ch)
	if op.Quiet || !before.exists {
		return nil
	}
	at := strconv.FormatInt(op.At.UnixMilli(), 10)
	if ch.Archived != before.Archived {
		key := "chat_archived:" + s.ID + ":" + at
		if err := w.emit(key, "chat_archived", s.ID, time.Time{}, ch.shape(), ch.Archived, before.Archived); err != nil {
			return err
		}
	}
	if ch.UnreadCount != before.UnreadCount {
		return w.emit("unread_count:set:"+s.ID+":"+at, "unread_count", s.ID, time.Time{}, ch.shape())
	}
	return nil
}

// Timer returns after how long messages to a chat disappear, of a group too, and when that
// was set; false for a chat that is not known. The id is the canonical one. It costs no
// query beside what the record of a sent message reads anyway.
func (m *Mirror) Timer(ctx context.Context, id string) (timer inbound.Timer, known bool, err error) {
	if err := m.writing.lock(ctx); err != nil {
		return inbound.Timer{}, false, err
	}
	defer m.writing.unlock()
	ch, err := m.chat(ctx, id)
	if shape.IsGroup(id) {
		return inbound.Timer{Seconds: ch.disappearsAfter}, ch.exists, err
	}
	return inbound.Timer{Seconds: uint32(ch.EphemeralDuration), SetAt: ch.EphemeralSetAt}, ch.exists, err
}

// timerSet writes the timer that somebody set.
func (w *writer) timerSet(ctx context.Context, op *inbound.TimerSet) error {
	before, err := w.chatNow(ctx, op.Chat)
	if err != nil {
		return err
	}
	if ch := w.timed(ctx, before, op.Timer); ch.EphemeralSetAt != before.EphemeralSetAt || ch.EphemeralDuration != before.EphemeralDuration {
		w.remember(ch)
	}
	return nil
}

// timed returns the chat with a timer that a message told, and writes it unless the one
// that is known was set later.
func (w *writer) timed(ctx context.Context, ch chat, told inbound.Timer) chat {
	if told.SetAt < ch.EphemeralSetAt {
		return ch
	}
	ch.EphemeralDuration, ch.EphemeralSetAt = int32(told.Seconds), told.SetAt
	w.put.SetChatTimer(ctx, db.SetChatTimerParams{
		InstanceID: w.instance, ID: ch.ID, EphemeralDuration: ch.EphemeralDuration, EphemeralSetAt: ch.EphemeralSetAt,
	})
	return ch
}

// clear removes messages up to a time, and the chat when it has no newer ones.
func (w *writer) clear(ctx context.Context, op *inbound.ClearChat) error {
	ch, err := w.chat(ctx, op.Chat)
	if err != nil || !ch.exists {
		return err
	}
	w.put.ClearChatUpTo(ctx, db.ClearChatUpToParams{InstanceID: w.instance, Chat: op.Chat, Timestamp: op.UpTo.Unix()})
	if !op.Delete {
		return nil
	}
	w.put.DropEmptyChat(ctx, db.DropEmptyChatParams{InstanceID: w.instance, ID: op.Chat})
	w.then(func() { w.cache.chats.Remove(op.Chat) })
	if op.Quiet || ch.Timestamp > op.UpTo.Unix() {
		return nil
	}
	removed := ch.shape()
	removed.UnreadCount = 0
	key := "chat_removed:" + op.Chat + ":" + strconv.FormatInt(op.UpTo.Unix(), 10)
	return w.emit(key, "chat_removed", op.Chat, time.Time{}, removed)
}

// group writes the changes in a group, with an event for each of them.
func (w *writer) group(ctx context.Context, op *inbound.GroupChange) error {
	ch, metadata, err := w.readChat(ctx, op.Chat)
	if err != nil {
		return err
	}
	name := ""
	if op.Full != nil {
		metadata = op.Full
	}
	if metadata != nil {
		known, err := w.identities(ctx, metadata.People())
		if err != nil {
			return err
		}
		metadata.Identify(known)
	}
	if op.Apply != nil {
		to := metadata
		if to == nil {
			to = &shape.GroupMetadata{} // only for the subject
		}
		op.Apply(to)
		name = to.Subject
	}
	if metadata != nil {
		name = metadata.Subject
	}
	readOnly := (ch.ReadOnly || op.Left) && !op.Joined
	if err := w.putGroup(ctx, op.Chat, name, readOnly, metadata); err != nil {
		return err
	}
	for i, notice := range op.Notices {
		if err := w.notify(ctx, op.Chat, i, notice); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putGroup(ctx context.Context, id, name string, readOnly bool, metadata *shape.GroupMetadata) error {
	var encoded []byte
	if metadata != nil {
		var err error
		if encoded, err = shape.Marshal(metadata); err != nil {
			return err
		}
	}
	w.put.PutGroup(ctx, db.PutGroupParams{
		InstanceID: w.instance, ID: id, Name: name, ReadOnly: readOnly, Metadata: encoded,
	})
	w.then(func() { w.cache.chats.Remove(id) })
	return nil
}

// notify makes the event of one change in a group. whatsmeow drops the id of WhatsApp's
// notification, so the id is computed from the content of the notification, which is the
// same in a redelivery.
func (w *writer) notify(ctx context.Context, chat string, place int, n inbound.GroupNotice) error {
	said := fmt.Sprintf("%s|%s|%s|%d|%s|%d|%s", chat, n.Type, n.By, n.At.Unix(), n.Body, place, strings.Join(n.Whom, ","))
	if n.Version != "" {
		said += "|" + n.Version
	}
	sum := sha256.Sum256([]byte(said))
	id := strings.ToUpper(hex.EncodeToString(sum[:10]))
	whom := n.Whom
	if whom == nil {
		whom = []string{}
	}
	notice := shape.GroupNotification{
		ID:        shape.NewMessageID(n.By != "" && n.By == w.me(), chat, id, n.By, w.me()),
		Body:      n.Body,
		Type:      n.Type,
		Timestamp: n.At.Unix(),
		ChatID:    chat, Author: n.By, RecipientIDs: slices.Clone(whom),
	}
	people, names := naming{}, make([]string, len(whom))
	for i, person := range whom {
		people.at(person, &names[i])
	}
	if n.By != w.me() {
		people.at(n.By, &notice.Username)
	}
	told := slices.Clone(whom)
	people.identified(func(p shape.Pairs) { notice.Identify(p, w.me()) }, append(told, n.By)...)
	if err := w.name(ctx, people); err != nil {
		return err
	}
	for i, name := range names {
		if name != "" {
			if notice.RecipientUsernames == nil {
				notice.RecipientUsernames = map[string]string{}
			}
			notice.RecipientUsernames[notice.RecipientIDs[i]] = name
		}
	}
	return w.emit("group:"+id, n.Event, chat, time.Time{}, notice)
}
