package mirror

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// Apply writes one change and its events in one transaction; a history is written in
// several, which do not depend on each other. A redelivery changes nothing and succeeds.
// After an error, either nothing was written, or everything was and the next try finds
// that out. ErrFenced is final.
func (m *Mirror) Apply(ctx context.Context, change inbound.Change) error {
	_, err := m.apply(ctx, change)
	return err
}

// RecordSent writes what this device has sent and the server has acknowledged (see
// inbound.Sent), with its events. It returns the message in its present state, including
// receipts that came earlier. For a reaction, an edit, a vote or a revocation it returns
// the message that was changed, and ErrNotFound when the mirror does not have that; for a
// timer, none. A second call for the same message changes nothing and returns it.
func (m *Mirror) RecordSent(ctx context.Context, change inbound.Change) (shape.Message, error) {
	done, err := m.apply(ctx, change)
	if err != nil {
		return shape.Message{}, err
	}
	if done != nil {
		return *done, nil
	}
	if _, ok := change.Op.(*inbound.TimerSet); ok { // no message is changed
		return shape.Message{}, nil
	}
	chat, id := concerns(change.Op)
	if id == "" {
		return shape.Message{}, fmt.Errorf("record sent: %T is not sent", change.Op)
	}
	row, found, err := m.find(ctx, chat, id)
	switch {
	case err != nil:
		return shape.Message{}, err
	case !found:
		return shape.Message{}, ErrNotFound
	}
	return m.rendered(ctx, row)
}

// concerns is inbound.Op.Concerns, but accepts a change without an Op, too.
func concerns(op inbound.Op) (chat, id string) {
	if op == nil {
		return "", ""
	}
	return op.Concerns()
}

// apply returns the new message as it was written, and nil for any other change.
func (m *Mirror) apply(ctx context.Context, change inbound.Change) (*shape.Message, error) {
	rider, _ := ctx.Value(riderKey{}).(Rider)
	ctx = Riding(ctx, nil)
	if err := m.meet(ctx, change.Account); err != nil {
		return nil, err
	}
	if op, ok := change.Op.(*inbound.NumberNotice); ok {
		_, err := m.NoteStanding(ctx, &op.Notice, 0)
		return nil, err
	}
	defer m.list.write(touched(change)...)()
	switch op := change.Op.(type) {
	case *inbound.History:
		return nil, m.learn(ctx, change, op)
	case *inbound.Groups:
		return nil, m.learnGroups(ctx, change, op)
	case *inbound.OwnName:
		acct := m.Account()
		acct.PushName = op.Name
		return nil, m.SetAccount(ctx, acct)
	}
	var done *shape.Message
	err := m.submit(ctx, change.Aliases, rider, func(ctx context.Context, careful bool) (*plan, error) {
		done = nil
		w := &writer{Mirror: m, plan: newPlan(), change: change, careful: careful, now: m.now()}
		w.concern(change)
		w.aliases(ctx, change.Aliases)
		w.contacts(ctx, change.Contacts)
		if err := w.renamed(ctx, change.Contacts); err != nil {
			return nil, err
		}
		var err error
		switch op := change.Op.(type) {
		case nil:
		case *inbound.Message:
			done, err = w.message(ctx, op)
		case *inbound.Reaction:
			err = w.reaction(ctx, op)
		case *inbound.Edit:
			err = w.edit(ctx, op)
		case *inbound.Revoke:
			err = w.revoke(ctx, op)
		case *inbound.Vote:
			err = w.vote(ctx, op)
		case *inbound.AddedOption:
			err = w.addedOption(ctx, op)
		case *inbound.EventResponse:
			err = w.eventResponse(ctx, op)
		case *inbound.Receipt:
			err = w.receipt(ctx, op)
		case *inbound.TimerSet:
			err = w.timerSet(ctx, op)
		case *inbound.ChatSetting:
			err = w.setting(ctx, op)
		case *inbound.ClearChat:
			err = w.clear(ctx, op)
		case *inbound.DeleteForMe:
			err = w.deleteForMe(ctx, op)
		case *inbound.Star:
			err = w.star(ctx, op)
		case *inbound.Pinned:
			w.pinned(ctx, op)
		case *inbound.Keep:
			err = w.keep(ctx, op)
		case *inbound.GroupChange:
			err = w.group(ctx, op)
		case *inbound.Label:
			err = w.label(ctx, op)
		case *inbound.LabelledChat:
			err = w.labelled(ctx, op)
		case *inbound.Note:
			err = w.note(ctx, op)
		case *inbound.Call:
			n := naming{}
			call := &op.Call
			n.identified(func(p shape.Pairs) { call.FromLID = p.Name(&call.From) }, call.From)
			if !call.FromMe {
				n.at(call.From, &call.Username)
			}
			err = w.name(ctx, n)
			if err == nil {
				err = w.emit("call:"+op.Call.ID, "call", op.Call.From, time.Time{}, op.Call)
			}
		default:
			err = fmt.Errorf("apply change: unknown kind %T", op)
		}
		return w.plan, err
	})
	return done, err
}

// meet makes sure that the account of a change is the recorded one.
func (m *Mirror) meet(ctx context.Context, acct inbound.Account) error {
	have := m.Account()
	if acct.JID.IsEmpty() || (have.ID() == acct.ID() && shape.ID(have.LID) == shape.ID(acct.LID)) {
		return nil
	}
	return m.SetAccount(ctx, acct)
}

// writer works out one change.
type writer struct {
	*Mirror
	*plan
	change  inbound.Change
	careful bool
	now     time.Time
}

// contacts writes the names that differ from those written last.
func (w *writer) contacts(ctx context.Context, contacts []inbound.Contact) {
	for _, c := range contacts {
		if c.Saved {
			w.put.SaveContact(ctx, db.SaveContactParams{
				InstanceID: w.instance, ID: c.ID, Lid: c.LID, Name: c.Name, ShortName: c.ShortName,
				Username: c.Username,
			})
			w.then(func() {
				w.cache.chats.Remove(c.ID)
				w.cache.usernames.Remove(c.ID)
			})
			continue
		}
		if c.BusinessName == "" && c.LID == "" && c.Username == nil && w.knowsName(c) {
			continue
		}
		w.put.LearnContact(ctx, db.LearnContactParams{
			InstanceID: w.instance, ID: c.ID, Lid: c.LID,
			PushName: shape.Clean(c.PushName), BusinessName: shape.Clean(c.BusinessName), Username: c.Username,
		})
		w.then(func() {
			if ch, ok := w.cache.chats.Peek(c.ID); ok {
				w.cache.chats.Add(c.ID, ch.named(c))
			}
			if c.Username != nil {
				w.cache.usernames.Remove(c.ID)
			}
			if c.PushName != "" {
				w.cache.names.Add(c.ID, c.PushName)
			}
		})
	}
}

// renamed adds an event for each username that is news.
func (w *writer) renamed(ctx context.Context, contacts []inbound.Contact) error {
	var ids []string
	for _, c := range contacts {
		if c.Username != nil {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := w.q.ContactsByID(ctx, db.ContactsByIDParams{InstanceID: w.instance, Ids: ids})
	if err != nil {
		return fmt.Errorf("read contacts: %w", err)
	}
	known := make(map[string]db.OneContactRow, len(rows))
	for _, r := range rows {
		known[r.ID] = db.OneContactRow(r)
	}
	for _, c := range contacts {
		if c.Username == nil {
			continue
		}
		row := known[c.ID]
		row.ID = c.ID
		before := row.Username
		if before == *c.Username || before == "" && c.Quiet {
			continue
		}
		row.Username = *c.Username
		if c.Saved {
			row.Name, row.ShortName = c.Name, c.ShortName
		}
		key := "contact_username:" + c.ID + ":" + strconv.FormatInt(w.now.UnixNano(), 10)
		if err := w.emit(key, "contact_username", c.ID, time.Time{}, w.contact(row), before); err != nil {
			return err
		}
	}
	return nil
}

// knowsName reports whether the push name is the one that was last written; no name
// counts as written.
func (w *writer) knowsName(c inbound.Contact) bool {
	name, _ := w.cache.names.Get(c.ID)
	return name == c.PushName
}

// chatNow is the chat as it is after the names of this change are written.
func (w *writer) chatNow(ctx context.Context, id string) (chat, error) {
	ch, err := w.chat(ctx, id)
	for _, c := range w.change.Contacts {
		if c.ID == id {
			ch = ch.named(c)
		}
	}
	return ch, err
}

// named returns the chat with the names that an event tells.
func (c chat) named(with inbound.Contact) chat {
	if with.Saved {
		c.savedName = with.Name
	}
	if with.PushName != "" {
		c.pushName = with.PushName
	}
	if with.BusinessName != "" {
		c.verifiedAs = with.BusinessName
	}
	if with.Username != nil {
		c.username = *with.Username
	}
	return c
}

// remember caches the chat after the commit.
func (w *writer) remember(ch chat) {
	ch.exists = true
	w.then(func() { w.cache.chats.Add(ch.ID, ch) })
}
