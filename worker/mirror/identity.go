package mirror

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// Pairs knows which hidden id belongs to which phone number.
type Pairs interface {
	// Others returns the other address of each of these people of whom it is known, in one
	// look-up for all of them.
	Others(ctx context.Context, people []types.JID) (map[types.JID]types.JID, error)
	// Suppose takes in the numbers of hidden ids that a change tells, unless other ones are
	// known.
	Suppose(ctx context.Context, numbers map[types.JID]types.JID) error
}

// Consult sets who knows the pairs of ids. Without it only our own is known. It is called
// before Load.
func (m *Mirror) Consult(pairs Pairs) { m.pairs = pairs }

// identities looks up the other ids of people.
func (m *Mirror) identities(ctx context.Context, ids []string) (shape.Pairs, error) {
	known := shape.Pairs{}
	acct := m.Account()
	me, hidden := acct.ID(), shape.ID(acct.LID)
	if me != "" && hidden != "" {
		known[me], known[hidden] = hidden, me
	}
	seen := map[string]bool{me: true, hidden: true}
	var asked []types.JID
	for _, id := range ids {
		if seen[id] || !shape.IsUser(id) {
			continue
		}
		seen[id] = true
		if jid, err := shape.ParseID(id); err == nil {
			asked = append(asked, jid)
		}
	}
	if m.pairs == nil || len(asked) == 0 {
		return known, nil
	}
	others, err := m.pairs.Others(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("look up ids of people: %w", err)
	}
	for one, other := range others {
		known[shape.ID(one)] = shape.ID(other)
	}
	return known, nil
}

// identify names everybody by number where it is known, and returns the hidden ids for which
// none is.
func (m *Mirror) identify(ctx context.Context, n naming) (hidden []string, err error) {
	if len(n.people) == 0 {
		return nil, nil
	}
	known, err := m.identities(ctx, n.people)
	if err != nil {
		return nil, err
	}
	for _, write := range n.identify {
		write(known)
	}
	for _, id := range n.people {
		if shape.IsLID(id) && known[id] == "" {
			hidden = append(hidden, id)
		}
	}
	slices.Sort(hidden)
	return slices.Compact(hidden), nil
}

// ids returns one id of each row.
func ids[Row any](rows []Row, of func(Row) string) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = of(r)
	}
	return all
}

// newestOfEach keeps the newest row of each person: there may be one under a hidden id and
// one under the number, where that became known in between.
func newestOfEach[Row any](rows []Row, of func(Row) (person string, at int64)) []Row {
	newest := make(map[string]int, len(rows))
	for i, r := range rows {
		person, at := of(r)
		if before, ok := newest[person]; ok {
			if _, then := of(rows[before]); then > at {
				continue
			}
		}
		newest[person] = i
	}
	kept := make([]Row, 0, len(newest))
	for i, r := range rows {
		if person, _ := of(r); newest[person] == i {
			kept = append(kept, r)
		}
	}
	return kept
}

// toldHidden keeps who was named by a hidden id only, in an event or as a chat or author of
// a history, so that readers hear of the number when it becomes known.
func (w *writer) toldHidden(ctx context.Context, people []string) {
	people = slices.DeleteFunc(slices.Clone(people), w.cache.hidden.Contains)
	if len(people) == 0 {
		return
	}
	w.put.NoteHidden(ctx, db.NoteHiddenParams{InstanceID: w.instance, Lids: people})
	w.then(func() {
		w.hides.Store(true)
		for _, id := range people {
			w.cache.hidden.Add(id, struct{}{})
		}
	})
}

// identitiesAtOnce bounds the people in one transaction.
const identitiesAtOnce = 100

// TellIdentities joins what is kept under hidden ids with the phone numbers that have become
// known, and raises contact_identity once for each person whom an event has named by a
// hidden id, or whose chat or messages a history brought under one. It costs nothing while there is nobody.
func (m *Mirror) TellIdentities(ctx context.Context) error {
	for m.hides.Load() {
		n, err := m.tellSome(ctx)
		if err != nil {
			return fmt.Errorf("tell identities: %w", err)
		}
		if n < identitiesAtOnce {
			break
		}
	}
	return nil
}

func (m *Mirror) tellSome(ctx context.Context) (int, error) {
	defer m.list.write()()
	if err := m.writing.lock(ctx); err != nil {
		return 0, err
	}
	defer m.writing.unlock()
	rows, err := m.q.FoundPeople(ctx, db.FoundPeopleParams{InstanceID: m.instance, AtMost: identitiesAtOnce})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	aliases := make([]inbound.Alias, len(rows))
	for i, r := range rows {
		aliases[i] = inbound.Alias{LID: r.Lid, ID: shape.ID(types.NewJID(r.Pn, types.DefaultUserServer))}
	}
	if err = m.merge(ctx, aliases); err != nil {
		return 0, err
	}
	err = m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
		w := &writer{Mirror: m, plan: newPlan(), now: m.now()}
		w.aliases(ctx, aliases)
		for _, a := range aliases {
			ch, err := w.chat(ctx, a.ID)
			if err != nil {
				return nil, err
			}
			w.put.DropHidden(ctx, db.DropHiddenParams{InstanceID: m.instance, Lid: a.LID})
			w.then(func() { w.cache.hidden.Remove(a.LID) })
			if err = w.emit("contact_identity:"+a.LID+":"+a.ID, "contact_identity", a.ID, time.Time{}, shape.ContactIdentity{
				ID: a.ID, LID: a.LID, Name: ch.personName(),
			}); err != nil {
				return nil, err
			}
		}
		return w.plan, nil
	})
	return len(rows), err
}

// loadHidden finds out whether anybody is known by a hidden id only.
func (m *Mirror) loadHidden(ctx context.Context) error {
	hides, err := m.q.HidesPeople(ctx, m.instance)
	if err != nil {
		return fmt.Errorf("read hidden people: %w", err)
	}
	m.hides.Store(hides)
	return nil
}

// merge moves everything that is known under hidden ids to the phone-number ids that an
// event tells, in a transaction of its own, so that the changes after it find one chat.
// It happens once per person, and only for people who were first known by a hidden id.
// The caller holds writing.
func (m *Mirror) merge(ctx context.Context, aliases []inbound.Alias) error {
	var unmerged []inbound.Alias
	supposed := map[types.JID]types.JID{}
	for _, a := range aliases {
		if m.cache.hasAlias(a) {
			continue
		}
		state, err := m.q.AliasState(ctx, db.AliasStateParams{InstanceID: m.instance, ID: a.ID, Lid: a.LID})
		if err != nil {
			return fmt.Errorf("look up alias: %w", err)
		}
		lid, errLID := shape.ParseID(a.LID)
		pn, errPN := shape.ParseID(a.ID)
		if errLID == nil && errPN == nil {
			supposed[lid] = pn
		}
		switch {
		case state.Unmerged:
			unmerged = append(unmerged, a)
		case state.Noted:
			m.cache.aliases.Add(a, struct{}{})
		}
	}
	if m.pairs != nil && len(supposed) > 0 {
		if err := m.pairs.Suppose(ctx, supposed); err != nil {
			return err
		}
	}
	if len(unmerged) == 0 {
		return nil
	}
	err := m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
		p := newPlan()
		for _, a := range unmerged {
			m.mergeOne(ctx, p, a)
		}
		p.then(func() {
			m.cache.sent.Purge()
			for _, a := range unmerged {
				m.cache.aliases.Add(a, struct{}{})
				m.cache.chats.Remove(a.ID)
				m.cache.chats.Remove(a.LID)
				m.cache.usernames.Remove(a.ID)
				m.cache.usernames.Remove(a.LID)
			}
		})
		return p, nil
	})
	if err != nil {
		return fmt.Errorf("merge aliases: %w", err)
	}
	m.log.Info().Int("people", len(unmerged)).Msg("hidden ids joined with their phone numbers")
	return nil
}

func (m *Mirror) mergeOne(ctx context.Context, p *plan, a inbound.Alias) {
	in := m.instance
	p.put.MergeContact(ctx, db.MergeContactParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropContact(ctx, db.DropContactParams{InstanceID: in, ID: a.LID})
	p.put.NoteLID(ctx, db.NoteLIDParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.MergeChat(ctx, db.MergeChatParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropChat(ctx, db.DropChatParams{InstanceID: in, ID: a.LID})
	p.put.MergeMessages(ctx, db.MergeMessagesParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropMessages(ctx, db.DropMessagesParams{InstanceID: in, Chat: a.LID})
	p.put.MergeReceipts(ctx, db.MergeReceiptsParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropReceipts(ctx, db.DropReceiptsParams{InstanceID: in, Chat: a.LID})
	p.put.MergeReactions(ctx, db.MergeReactionsParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropReactions(ctx, db.DropReactionsParams{InstanceID: in, Chat: a.LID})
	p.put.MergeVotes(ctx, db.MergeVotesParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropVotes(ctx, db.DropVotesParams{InstanceID: in, Chat: a.LID})
	p.put.MergeEventResponses(ctx, db.MergeEventResponsesParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropEventResponses(ctx, db.DropEventResponsesParams{InstanceID: in, Chat: a.LID})
	p.put.MergePins(ctx, db.MergePinsParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropPins(ctx, db.DropPinsParams{InstanceID: in, Chat: a.LID})
	p.put.MergeEarlyChanges(ctx, db.MergeEarlyChangesParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropEarlyChangesOf(ctx, db.DropEarlyChangesOfParams{InstanceID: in, Chat: a.LID})
}

// aliases records new pairs that need no merging.
func (w *writer) aliases(ctx context.Context, aliases []inbound.Alias) {
	for _, a := range aliases {
		if w.cache.hasAlias(a) {
			continue
		}
		w.put.NoteLID(ctx, db.NoteLIDParams{InstanceID: w.instance, ID: a.ID, Lid: a.LID})
		w.then(func() { w.cache.aliases.Add(a, struct{}{}) })
	}
}
