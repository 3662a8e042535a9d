package mirror

import (
	"context"
	"fmt"
	"strings"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Search returns messages whose text contains text, upper and lower case alike,
// the newest first; of one chat, when chat is not empty.
func (m *Mirror) Search(ctx context.Context, text, chat string, offset, limit int) ([]shape.Message, error) {
	if chat != "" {
		var err error
		if chat, err = m.canonical(ctx, chat); err != nil {
			return nil, err
		}
	}
	rows, err := m.q.SearchMessages(ctx, db.SearchMessagesParams{
		InstanceID: m.instance, Chat: chat, Pattern: "%" + likeEscapes.Replace(strings.ReplaceAll(text, "\x00", "")) + "%", Off: int32(offset), Lim: int32(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("search messages: %w", err)
	}
	found := make([]shape.Message, len(rows))
	for i, r := range rows {
		found[i] = m.render(r.Message)
	}
	return found, nil
}

// PollVotes returns the newest vote of everybody who voted in a poll, the
// oldest first; votes taken back have no options. ErrNotFound when the mirror
// lacks the poll.
func (m *Mirror) PollVotes(ctx context.Context, id string) ([]shape.PollVote, error) {
	row, err := m.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.Votes(ctx, db.VotesParams{InstanceID: m.instance, Chat: row.Chat, MessageID: row.ID})
	if err != nil {
		return nil, fmt.Errorf("read votes: %w", err)
	}
	poll := m.render(row)
	votes := make([]shape.PollVote, len(rows))
	for i, r := range rows {
		votes[i] = shape.PollVote{
			Voter: r.Voter, SelectedOptions: chosen(poll, r.Hashes), InterractedAtTs: r.Timestamp, ParentMessage: &poll, ParentMsgKey: poll.ID,
		}
	}
	return votes, nil
}
