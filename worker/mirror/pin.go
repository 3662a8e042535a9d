package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

func (w *writer) pinned(ctx context.Context, op *inbound.Pinned) {
	w.put.PutPin(ctx, db.PutPinParams{
		InstanceID: w.instance, Chat: op.Chat, MessageID: op.Target, Pinned: op.On, ChangedAt: op.AtMs, Until: op.Until,
	})
}

// keep marks a message as kept, or as kept no longer, under the rules of WhatsApp Web
// (WAWebKeepInChatMsgAction): the newer change counts, and when the author of the message
// undid it, nobody else may keep it again.
func (w *writer) keep(ctx context.Context, op *inbound.Keep) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	switch {
	case err != nil, row.Type == shape.TypeRevoked:
		return err
	case !found:
		return w.early(ctx, db.PutEarlyChangeParams{
			Chat: op.Chat, MessageID: op.Target, ID: op.ID, FromMe: op.FromMe, Sender: op.By, Kept: op.On, Timestamp: op.AtMs,
		})
	}
	if row.Kept != nil &&
		!overrules(op, &inbound.Keep{ID: row.KeepID, By: row.KeepBy, On: *row.Kept, AtMs: row.KeepAt}, row.Sender) {
		return nil
	}
	count := int(row.KeptCount)
	if op.On {
		count++
	}
	w.putKeep(ctx, row.Chat, op, count)
	return nil
}

// overrules reports whether a keep of a message by that author counts after the one before.
func overrules(op, before *inbound.Keep, author string) bool {
	older := op.AtMs < before.AtMs || op.AtMs == before.AtMs && op.ID <= before.ID
	undone := !before.On && samePerson(before.By, author) && !samePerson(op.By, author)
	return !older && !undone
}

// keepOf adds a keep to those that are told with a message.
func keepOf(m *inbound.Message, k inbound.Keep) {
	if m.Keep != nil {
		if !overrules(&k, m.Keep, m.Sender) {
			return
		}
		k.Count = keptTimes(m.Keep)
		if k.On {
			k.Count++
		}
	}
	m.Keep = &k
}

// keptTimes is how often a message was kept, to which this is the last keep.
func keptTimes(k *inbound.Keep) int {
	if k.On {
		return max(k.Count, 1)
	}
	return k.Count
}

// keptBeside adds the keeps of a part of the past to its messages, and returns those of
// other messages.
func keptBeside(part inbound.Past) (others []inbound.Keep) {
	type place struct{ chat, id string }
	messages := map[place]*inbound.Message{}
	if len(part.Keeps) > 0 {
		for i := range part.Messages {
			messages[place{part.Messages[i].Chat, part.Messages[i].ID}] = &part.Messages[i]
		}
	}
	keeps := slices.SortedStableFunc(slices.Values(part.Keeps), func(a, b inbound.Keep) int { return cmp.Compare(a.AtMs, b.AtMs) })
	for _, k := range keeps {
		if m := messages[place{k.Chat, k.Target}]; m != nil {
			keepOf(m, k)
		} else {
			others = append(others, k)
		}
	}
	return others
}

// Bounds of what waits for messages that have not come.
const (
	earlyFor     = 30 * 24 * time.Hour
	earlyInAChat = 100
	earlyInAll   = 5000    // messages that are waited for
	longestEarly = 1 << 10 // bytes of the name of an option
)

// early keeps a change of a message that has not come, or could not be read.
func (w *writer) early(ctx context.Context, change db.PutEarlyChangeParams) error {
	awaited, err := w.awaited(ctx)
	if err != nil {
		return err
	}
	_, again := awaited[change.MessageID]
	if !again && len(awaited) >= earlyInAll { // some may have come since
		w.cache.awaited = nil
		if awaited, err = w.awaited(ctx); err != nil {
			return err
		}
	}
	if !again && len(awaited) >= earlyInAll || len(change.Option) > longestEarly {
		w.log.Warn().Msg("change of a message that has not come left out")
		return nil
	}
	change.InstanceID, change.NotedAt = w.instance, w.now.UnixMilli()
	w.put.PutEarlyChange(ctx, change)
	w.put.TrimEarlyChanges(ctx, db.TrimEarlyChangesParams{
		InstanceID: w.instance, Chat: change.Chat, Before: w.now.Add(-earlyFor).UnixMilli(), Most: earlyInAChat,
	})
	w.then(func() {
		if w.cache.awaited != nil {
			w.cache.awaited[change.MessageID] = struct{}{}
		}
	})
	return nil
}

// awaited returns the messages for which something waits, and perhaps some more.
func (m *Mirror) awaited(ctx context.Context) (map[string]struct{}, error) {
	if m.cache.awaited != nil {
		return m.cache.awaited, nil
	}
	ids, err := m.q.AwaitedMessages(ctx, db.AwaitedMessagesParams{
		InstanceID: m.instance, Since: m.now().Add(-earlyFor).UnixMilli(),
	})
	if err != nil {
		return nil, fmt.Errorf("read what came early: %w", err)
	}
	m.cache.awaited = make(map[string]struct{}, len(ids))
	for _, id := range ids {
		m.cache.awaited[id] = struct{}{}
	}
	return m.cache.awaited, nil
}

// caughtUp returns a message with all that came about it before it did.
func (w *writer) caughtUp(ctx context.Context, op *inbound.Message) (*inbound.Message, error) {
	awaited, err := w.awaited(ctx)
	if _, ok := awaited[op.ID]; err != nil || !ok || op.Raw == nil {
		return op, err
	}
	changes, err := w.q.EarlyChanges(ctx, db.EarlyChangesParams{InstanceID: w.instance, Chat: op.Chat, MessageID: op.ID})
	if err != nil {
		return nil, fmt.Errorf("read what came early: %w", err)
	}
	if len(changes) == 0 {
		return op, nil
	}
	with := *op
	with.Raw = proto.CloneOf(op.Raw)
	for _, c := range changes {
		if c.Option != "" {
			w.addOption(with.Raw, op.Sender, &inbound.AddedOption{Target: op.ID, Sender: c.Sender, Name: c.Option})
			continue
		}
		keepOf(&with, inbound.Keep{
			Chat: op.Chat, Target: op.ID, ID: c.ID, FromMe: c.FromMe, By: c.Sender, On: c.Kept, AtMs: c.Timestamp,
		})
	}
	w.put.DropEarlyChanges(ctx, db.DropEarlyChangesParams{InstanceID: w.instance, Chat: op.Chat, MessageID: op.ID})
	return &with, nil
}

func (w *writer) putKeep(ctx context.Context, chat string, op *inbound.Keep, count int) {
	w.put.KeepMessage(ctx, db.KeepMessageParams{
		InstanceID: w.instance, Chat: chat, ID: op.Target, Kept: op.On, KeepID: op.ID, KeepBy: op.By, KeepAt: op.AtMs,
		KeptCount: int32(count),
	})
}

// Pinned returns the messages that are pinned in a chat now, the newest pin first.
func (m *Mirror) Pinned(ctx context.Context, chat string) ([]shape.Message, error) {
	id, err := m.canonical(ctx, chat)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.PinnedMessages(ctx, db.PinnedMessagesParams{InstanceID: m.instance, Chat: id, Now: m.now().Unix()})
	if err != nil {
		return nil, fmt.Errorf("read pinned messages: %w", err)
	}
	list := make([]shape.Message, len(rows))
	for i, row := range rows {
		list[i] = m.render(row.Message)
	}
	n := naming{}
	n.messages(list, m.me())
	return list, m.name(ctx, n)
}

// SetPreference keeps a switch that whatsapp-web.js keeps in the browser's profile.
func (m *Mirror) SetPreference(ctx context.Context, name string, on bool) error {
	if err := m.q.SetPreference(ctx, db.SetPreferenceParams{InstanceID: m.instance, Name: name, Value: on}); err != nil {
		return fmt.Errorf("keep preference: %w", err)
	}
	return nil
}

// Available is the preference by which an account shows itself as online.
const Available = "available"

// Preference returns a switch, and ErrNotFound when it was never set.
func (m *Mirror) Preference(ctx context.Context, name string) (bool, error) {
	on, err := m.q.Preference(ctx, db.PreferenceParams{InstanceID: m.instance, Name: name})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrNotFound
	}
	if err != nil {
		return false, fmt.Errorf("read preference: %w", err)
	}
	return on, nil
}
