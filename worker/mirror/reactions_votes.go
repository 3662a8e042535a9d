package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// reaction keeps each person's newest reaction to a message.
func (w *writer) reaction(ctx context.Context, op *inbound.Reaction) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil {
		return err
	}
	chat := op.Chat
	if found {
		chat = row.Chat
	}
	have, err := w.q.Reactions(ctx, db.ReactionsParams{InstanceID: w.instance, Chat: chat, MessageID: op.Target})
	if err != nil {
		return fmt.Errorf("read reactions: %w", err)
	}
	for _, r := range have {
		if r.Sender == op.Sender && (r.ID == op.ID || r.Timestamp > op.AtMs) {
			return nil
		}
	}
	w.put.PutReaction(ctx, db.PutReactionParams{
		InstanceID: w.instance, Chat: chat, MessageID: op.Target, Sender: op.Sender, Reaction: op.Text, ID: op.ID,
		FromMe: op.FromMe, Timestamp: op.AtMs, Read: !op.Unread,
	})
	target := shape.NewMessageID(op.TargetFromMe, chat, op.Target, op.TargetSender, w.me())
	orphan := 1
	if found {
		orphan = 0
		target = shape.NewMessageID(row.FromMe, chat, row.ID, row.Sender, w.me())
		w.put.SetHasReaction(ctx, db.SetHasReactionParams{InstanceID: w.instance, Chat: chat, ID: op.Target})
	}
	reaction := w.reactionShape(chat, target, db.ReactionsRow{
		Sender: op.Sender, Reaction: op.Text, ID: op.ID, FromMe: op.FromMe, Timestamp: op.AtMs, Read: !op.Unread,
	})
	reaction.Orphan = orphan
	n := naming{}
	n.identified(func(p shape.Pairs) { reaction.Identify(p, w.me()) }, op.Sender, target.Participant)
	if !op.FromMe {
		n.at(op.Sender, &reaction.Username)
	}
	if err := w.name(ctx, n); err != nil {
		return err
	}
	return w.emit("reaction:"+op.ID+":"+op.Sender, "message_reaction", chat, time.Time{}, reaction)
}

func (m *Mirror) reactionShape(chat string, target shape.MessageID, r db.ReactionsRow) shape.Reaction {
	s := shape.Reaction{
		ID:        shape.NewMessageID(r.FromMe, chat, r.ID, r.Sender, m.me()),
		Timestamp: float64(r.Timestamp) / 1000, Reaction: r.Reaction, Read: r.Read, MsgID: target, SenderID: r.Sender,
	}
	if r.FromMe {
		server := int(inbound.LevelServer)
		s.Ack = &server
	}
	return s
}

// vote keeps each person's newest vote on a poll.
func (w *writer) vote(ctx context.Context, op *inbound.Vote) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil {
		return err
	}
	chat := op.Chat
	if found {
		chat = row.Chat
	}
	have, err := w.q.Votes(ctx, db.VotesParams{InstanceID: w.instance, Chat: chat, MessageID: op.Target})
	if err != nil {
		return fmt.Errorf("read votes: %w", err)
	}
	for _, v := range have {
		if v.Voter == op.Voter && v.Timestamp >= op.AtMs {
			return nil
		}
	}
	if op.Unreadable && !found {
		return nil // it says nothing but that there was one, and there is no poll to show that at
	}
	w.putVote(ctx, chat, op)
	vote := shape.PollVote{
		Voter: op.Voter, InterractedAtTs: op.AtMs, SelectedOptions: chosen(shape.Message{}, op.Hashes, op.Unreadable), Unreadable: op.Unreadable,
		ParentMsgKey: shape.NewMessageID(op.TargetFromMe, chat, op.Target, op.TargetSender, w.me()),
	}
	n := naming{}
	n.identified(func(p shape.Pairs) { vote.Identify(p, w.me()) }, op.Voter, op.TargetSender)
	if op.Voter != w.me() {
		n.at(op.Voter, &vote.Username)
	}
	if found {
		poll := w.render(row)
		n.message(&poll, w.me())
		vote.ParentMessage, vote.ParentMsgKey = &poll, poll.ID
		vote.SelectedOptions = chosen(poll, op.Hashes, op.Unreadable)
	}
	if err := w.name(ctx, n); err != nil {
		return err
	}
	key := "vote:" + op.ID + ":" + op.Voter + ":" + strconv.FormatInt(op.AtMs, 10)
	return w.emitWith(w.ballot(op), key, "vote_update", chat, time.Time{}, vote)
}

func (w *writer) putVote(ctx context.Context, chat string, op *inbound.Vote) {
	hashes := op.Hashes
	if hashes == nil {
		hashes = [][]byte{}
	}
	w.put.PutVote(ctx, db.PutVoteParams{
		InstanceID: w.instance, Chat: chat, MessageID: op.Target, Voter: op.Voter, Hashes: hashes, Timestamp: op.AtMs,
		Unreadable: op.Unreadable,
	})
}

func (w *writer) putEventResponse(ctx context.Context, chat string, op *inbound.EventResponse) {
	w.put.PutEventResponse(ctx, db.PutEventResponseParams{
		InstanceID: w.instance, Chat: chat, MessageID: op.Target, Sender: op.Sender, ID: op.ID, FromMe: op.FromMe,
		Response: op.Response, ExtraGuests: int32(op.ExtraGuests), Timestamp: op.AtMs,
	})
}

// eventResponse keeps each person's newest answer to an event.
func (w *writer) eventResponse(ctx context.Context, op *inbound.EventResponse) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil {
		return err
	}
	chat := op.Chat
	if found {
		chat = row.Chat
	}
	have, err := w.q.EventResponses(ctx, db.EventResponsesParams{InstanceID: w.instance, Chat: chat, MessageID: op.Target})
	if err != nil {
		return fmt.Errorf("read answers to an event: %w", err)
	}
	for _, r := range have {
		if r.Sender == op.Sender && r.Timestamp >= op.AtMs {
			return nil
		}
	}
	w.putEventResponse(ctx, chat, op)
	r := w.answer(chat, shape.NewMessageID(op.TargetFromMe, chat, op.Target, op.TargetSender, w.me()), db.EventResponsesRow{
		Sender: op.Sender, ID: op.ID, FromMe: op.FromMe, Response: op.Response, ExtraGuests: int32(op.ExtraGuests), Timestamp: op.AtMs,
	})
	n := naming{}
	n.identified(func(p shape.Pairs) { r.Identify(p, w.me()) }, op.Sender, op.TargetSender)
	if found {
		parent := w.render(row)
		n.message(&parent, w.me())
		r.ParentMessage, r.ParentMsgKey = &parent, parent.ID
	}
	if err := w.name(ctx, n); err != nil {
		return err
	}
	return w.emit("event_response:"+op.ID+":"+op.Sender, "event_response", chat, time.Time{}, r)
}

func (m *Mirror) answer(chat string, to shape.MessageID, r db.EventResponsesRow) shape.EventResponse {
	return shape.EventResponse{
		ID: shape.NewMessageID(r.FromMe, chat, r.ID, r.Sender, m.me()), SenderID: r.Sender,
		Response: r.Response, ExtraGuestCount: int(r.ExtraGuests), Timestamp: r.Timestamp, ParentMsgKey: to,
	}
}

// chosen returns the options of a poll that a vote's hashes stand for: none when the vote
// was taken back, and nil when it cannot be said which they are.
func chosen(poll shape.Message, hashes [][]byte, unreadable bool) []shape.PollOption {
	var options []shape.PollOption
	for _, option := range poll.PollOptions {
		sum := sha256.Sum256([]byte(option.Name))
		if slices.ContainsFunc(hashes, func(hash []byte) bool { return bytes.Equal(hash, sum[:]) }) {
			options = append(options, option)
		}
	}
	if options == nil && len(hashes) == 0 && !unreadable {
		return []shape.PollOption{}
	}
	return options
}

func (w *writer) star(ctx context.Context, op *inbound.Star) error {
	row, found, err := w.find(ctx, op.Chat, op.ID)
	if err != nil || !found || row.Starred == op.Starred {
		return err
	}
	w.put.StarMessage(ctx, db.StarMessageParams{InstanceID: w.instance, Chat: row.Chat, ID: row.ID, Starred: op.Starred})
	return nil
}
