package mirror

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// edit replaces text or caption. An edit of a message that the mirror does not have makes
// an event and changes nothing.
func (w *writer) edit(ctx context.Context, op *inbound.Edit) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil {
		return err
	}
	key := "edit:" + op.ID + ":" + op.Sender + ":" + strconv.FormatInt(op.AtMs, 10)
	if !found || row.Type == shape.TypeCiphertext {
		content := shape.Edit(nil, op.Raw)
		edited := shape.Render(shape.Source{
			Me: w.me(), Chat: op.Chat, ID: op.Target, FromMe: op.FromMe, Sender: op.Sender, Timestamp: op.At.Unix(),
			Raw: content, Ack: int(inbound.LevelServer), EditID: op.ID, EditedAt: op.AtMs,
		})
		n := naming{}
		n.message(&edited, w.me())
		if err := w.name(ctx, n); err != nil {
			return err
		}
		return w.emitWith(w.content(content), key, "message_edit", op.Chat, time.Time{}, edited, edited.Body, "")
	}
	if row.Type == shape.TypeRevoked || row.EditedAt >= op.AtMs {
		return nil
	}
	if !samePerson(row.Sender, op.Sender) {
		w.log.Warn().Str("message", row.ID).Msg("edit by somebody who did not write the message left out")
		return nil
	}
	previous := row.Body
	content := shape.Edit(decodeRaw(row.Raw), op.Raw)
	if row.Raw, err = encodeRaw(content); err != nil {
		return err
	}
	row.EditID, row.EditedAt = op.ID, op.AtMs
	edited, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	w.put.EditMessage(ctx, db.EditMessageParams{
		InstanceID: w.instance, Chat: row.Chat, ID: row.ID, Body: edited.Body, Raw: row.Raw, EditID: op.ID, EditedAt: op.AtMs,
	})
	return w.emitWith(w.content(content), key, "message_edit", row.Chat, time.Time{}, edited, edited.Body, previous)
}

// maxOptions is more than the twelve that WhatsApp takes today (a guess).
const maxOptions = 100

// addedOption adds an option to a poll that the mirror has, or will have. As in WhatsApp Web, only the
// author may do that of a poll that does not allow it, and no two options have one name.
func (w *writer) addedOption(ctx context.Context, op *inbound.AddedOption) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	switch {
	case err != nil:
		return err
	case !found, row.Type == shape.TypeCiphertext:
		return w.early(ctx, db.PutEarlyChangeParams{
			Chat: op.Chat, MessageID: op.Target, ID: op.ID, FromMe: op.FromMe, Sender: op.Sender, Option: op.Name,
		})
	}
	raw := decodeRaw(row.Raw)
	if !w.addOption(raw, row.Sender, op) {
		return nil
	}
	if row.Raw, err = encodeRaw(raw); err != nil {
		return err
	}
	changed, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	w.put.EditMessage(ctx, db.EditMessageParams{
		InstanceID: w.instance, Chat: row.Chat, ID: row.ID, Body: row.Body, Raw: row.Raw, EditID: row.EditID, EditedAt: row.EditedAt,
	})
	key := "poll_option:" + op.ID + ":" + op.Sender
	return w.emitWith(w.content(raw), key, "message_edit", row.Chat, time.Time{}, changed, row.Body, row.Body)
}

// addOption adds an option to the content of a poll by that author. It returns false when
// that may not be.
func (w *writer) addOption(raw *waE2E.Message, author string, op *inbound.AddedOption) bool {
	poll := message.Poll(message.Unwrap(raw).Message)
	if poll == nil || len(poll.GetOptions()) >= maxOptions ||
		slices.ContainsFunc(poll.GetOptions(), func(o *waE2E.PollCreationMessage_Option) bool { return o.GetOptionName() == op.Name }) {
		return false
	}
	if !poll.GetAllowAddOption() && !samePerson(author, op.Sender) {
		w.log.Warn().Str("message", op.Target).Msg("option for a poll that does not allow it left out")
		return false
	}
	poll.Options = append(poll.Options, &waE2E.PollCreationMessage_Option{OptionName: &op.Name})
	return true
}

// samePerson compares authors. A hidden id whose number is not known cannot be compared
// with a phone number; then the answer is yes.
func samePerson(a, b string) bool {
	return a == b || shape.IsLID(a) != shape.IsLID(b)
}

// revoke empties a message for everyone. A message that the mirror does not have is
// recorded as revoked, so that it stays revoked when it arrives late.
func (w *writer) revoke(ctx context.Context, op *inbound.Revoke) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil {
		return err
	}
	key := "revoke:" + op.Target + ":" + op.Chat
	if !found {
		if op.TargetSender == "" || (!op.Admin && !samePerson(op.TargetSender, op.By)) {
			return nil
		}
		row = db.Message{
			Chat: op.Chat, ID: op.Target, FromMe: op.TargetFromMe, Sender: op.TargetSender, Timestamp: op.At.Unix(),
			Type: shape.TypeRevoked, Ack: int16(inbound.LevelServer), RevokedAt: op.At.Unix(), RevokeID: op.ID,
		}
		w.put.InsertMessage(ctx, db.InsertMessageParams{
			InstanceID: w.instance, Chat: row.Chat, ID: row.ID, FromMe: row.FromMe, Sender: row.Sender,
			Timestamp: row.Timestamp, Type: row.Type, Ack: row.Ack, RevokedAt: row.RevokedAt, RevokeID: row.RevokeID,
		})
		revoked, err := w.rendered(ctx, row)
		if err != nil {
			return err
		}
		return w.emitWith(w.content(op.Raw), key, "message_revoke_everyone", row.Chat, time.Time{}, revoked, nil)
	}
	if row.Type == shape.TypeRevoked {
		return nil
	}
	byAdmin := op.Admin && shape.IsGroup(row.Chat)
	if !byAdmin && !samePerson(row.Sender, op.By) {
		w.log.Warn().Str("message", row.ID).Msg("revocation by somebody who did not write the message left out")
		return nil
	}
	before, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	row.Type, row.Body, row.Raw = shape.TypeRevoked, "", nil
	w.put.RevokeMessage(ctx, db.RevokeMessageParams{
		InstanceID: w.instance, Chat: row.Chat, ID: row.ID, RevokedAt: op.At.Unix(), RevokeID: op.ID,
	})
	revoked, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	return w.emitWith(w.content(op.Raw), key, "message_revoke_everyone", row.Chat, time.Time{}, revoked, before)
}

// deleteForMe removes one message.
func (w *writer) deleteForMe(ctx context.Context, op *inbound.DeleteForMe) error {
	row, found, err := w.find(ctx, op.Chat, op.ID)
	if err != nil || !found {
		return err
	}
	w.put.DeleteMessage(ctx, db.DeleteMessageParams{InstanceID: w.instance, ID: row.ID, Chat: row.Chat})
	if op.Quiet {
		return nil
	}
	deleted, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	return w.emitWith(w.stored(row), "delete:"+row.ID+":"+row.Chat, "message_revoke_me", row.Chat, time.Time{}, deleted)
}
