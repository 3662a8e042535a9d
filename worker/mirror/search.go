package mirror

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// separators of words, the same as in the database's function message_words.
const separators = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// unspaced are scripts without spaces between words. An index of words does not find their
// words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// words turns a query into a text search in which every word has to begin a word of the
// message. It is empty when the query has no words, or a script without spaces.
func words(query string) string {
	var all []string
	for _, word := range strings.FieldsFunc(query, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(separators, r)
	}) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.In(r, unspaced...) }) {
			return ""
		}
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			all = append(all, "'"+word+"':*")
		}
	}
	return strings.Join(all, " & ")
}

// Search returns messages that have words that begin with those of the query, in any order
// and any case, the newest first. A chat that is not empty limits it to that chat. A query
// without words (such as an emoji), or in a script without spaces, is searched for as it
// stands.
func (m *Mirror) Search(ctx context.Context, query, chat string, offset, limit int) ([]shape.Message, error) {
	if chat != "" {
		var err error
		if chat, err = m.canonical(ctx, chat); err != nil {
			return nil, err
		}
	}
	found, err := m.search(ctx, strings.ReplaceAll(query, "\x00", ""), chat, offset, limit)
	if err != nil {
		return nil, err
	}
	n := naming{}
	n.messages(found, m.me())
	return found, m.name(ctx, n)
}

func (m *Mirror) search(ctx context.Context, query, chat string, offset, limit int) (found []shape.Message, err error) {
	if words := words(query); words != "" {
		rows, err := m.findWords(ctx, words, chat, offset, limit)
		if err != nil {
			return nil, fmt.Errorf("find messages: %w", err)
		}
		for _, r := range rows {
			found = append(found, m.render(r))
		}
		return found, nil
	}
	rows, err := m.q.SearchMessages(ctx, db.SearchMessagesParams{
		InstanceID: m.instance, Chat: chat, Pattern: "%" + likeEscapes.Replace(query) + "%", Off: int32(offset), Lim: int32(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("search messages: %w", err)
	}
	for _, r := range rows {
		found = append(found, m.render(r.Message))
	}
	return found, nil
}

// findWords calls a function of the database, because Postgres does not use the index of
// words under row-level security. sqlc does not support such functions.
func (m *Mirror) findWords(ctx context.Context, words, chat string, offset, limit int) ([]db.Message, error) {
	rows, err := m.pool.Query(ctx, `select instance_id, chat, id, from_me, sender, timestamp, position, type, body,
		ack, push_name, raw, starred, has_reaction, broadcast, history, server_id, recipients,
		edit_id, edited_at, revoked_at, revoke_id, subtype, kept, keep_id, keep_by, keep_at, kept_count from find_messages($1, $2, $3, $4, $5)`,
		m.instance, chat, words, limit, offset)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[db.Message])
}

// PollVotes returns the newest vote of everybody who voted in a poll, the oldest vote
// first. A vote that was taken back has no options. The error is ErrNotFound when the
// mirror does not have the poll.
func (m *Mirror) PollVotes(ctx context.Context, id string) ([]shape.PollVote, error) {
	row, err := m.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.Votes(ctx, db.VotesParams{InstanceID: m.instance, Chat: row.Chat, MessageID: row.ID})
	if err != nil {
		return nil, fmt.Errorf("read votes: %w", err)
	}
	known, err := m.identities(ctx, ids(rows, func(r db.VotesRow) string { return r.Voter }))
	if err != nil {
		return nil, err
	}
	rows = newestOfEach(rows, func(r db.VotesRow) (string, int64) { return known.Number(r.Voter), r.Timestamp })
	poll, n := m.render(row), naming{}
	n.message(&poll, m.me())
	votes := make([]shape.PollVote, len(rows))
	for i, r := range rows {
		votes[i] = shape.PollVote{
			Voter: r.Voter, SelectedOptions: chosen(poll, r.Hashes, r.Unreadable), InterractedAtTs: r.Timestamp, Unreadable: r.Unreadable,
			ParentMessage: &poll, ParentMsgKey: poll.ID,
		}
		vote := &votes[i]
		n.identified(func(p shape.Pairs) { vote.Identify(p, m.me()) }, r.Voter)
		if r.Voter != m.me() {
			n.at(r.Voter, &votes[i].Username)
		}
	}
	return votes, m.name(ctx, n)
}

// EventResponses returns the newest answer of everybody who answered an event, the oldest
// answer first. The error is ErrNotFound when the mirror does not have the event.
func (m *Mirror) EventResponses(ctx context.Context, id string) ([]shape.EventResponse, error) {
	row, err := m.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.EventResponses(ctx, db.EventResponsesParams{InstanceID: m.instance, Chat: row.Chat, MessageID: row.ID})
	if err != nil {
		return nil, fmt.Errorf("read answers to an event: %w", err)
	}
	known, err := m.identities(ctx, ids(rows, func(r db.EventResponsesRow) string { return r.Sender }))
	if err != nil {
		return nil, err
	}
	rows = newestOfEach(rows, func(r db.EventResponsesRow) (string, int64) { return known.Number(r.Sender), r.Timestamp })
	parent, n := m.render(row), naming{}
	n.message(&parent, m.me())
	answers := make([]shape.EventResponse, len(rows))
	for i, r := range rows {
		answers[i] = m.answer(row.Chat, parent.ID, r)
		answer := &answers[i]
		answer.ParentMessage = &parent
		n.identified(func(p shape.Pairs) { answer.Identify(p, m.me()) }, r.Sender)
	}
	return answers, m.name(ctx, n)
}
