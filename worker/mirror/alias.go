package mirror

import (
	"context"
	"fmt"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
)

// merge moves everything that is known under hidden ids to the phone-number ids that an
// event tells, in a transaction of its own, so that the changes after it find one chat.
// It happens once per person, and only for people who were first known by a hidden id.
// The caller holds writing.
func (m *Mirror) merge(ctx context.Context, aliases []inbound.Alias) error {
	var unmerged []inbound.Alias
	for _, a := range aliases {
		if m.cache.hasAlias(a) {
			continue
		}
		state, err := m.q.AliasState(ctx, db.AliasStateParams{InstanceID: m.instance, ID: a.ID, Lid: a.LID})
		if err != nil {
			return fmt.Errorf("look up alias: %w", err)
		}
		switch {
		case state.Unmerged:
			unmerged = append(unmerged, a)
		case state.Noted:
			m.cache.aliases.Add(a, struct{}{})
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
	p.put.MergePins(ctx, db.MergePinsParams{InstanceID: in, ID: a.ID, Lid: a.LID})
	p.put.DropPins(ctx, db.DropPinsParams{InstanceID: in, Chat: a.LID})
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
