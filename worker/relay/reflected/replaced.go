package reflected

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
)

// caller is a call, for the methods that are replaced.
type caller struct {
	*relay.Call
	family *family
}

// replaced are the methods after which the worker has something to record, or
// whose work it does in its own way. Each has whatsmeow's signature.
var replaced = map[string]func(caller) any{
	"SendMessage": func(c caller) any { return c.sendRaw },
	"RevokeMessage": func(c caller) any {
		return func(ctx context.Context, chat types.JID, id types.MessageID) (whatsmeow.SendResponse, error) {
			return c.sendRaw(ctx, chat, c.Client.BuildRevoke(chat, types.EmptyJID, id))
		}
	},
	"Logout":       func(c caller) any { return c.Logout },
	"IsLoggedIn":   func(c caller) any { return func() bool { return c.LoggedIn(c.Client) } },
	"SendAppState": func(c caller) any { return c.sendAppState },

	"SendPeerMessage": func(c caller) any {
		return func(ctx context.Context, msg *waE2E.Message) (whatsmeow.SendResponse, error) {
			me := c.Client.Store.GetJID().ToNonAD()
			if me.IsEmpty() {
				return whatsmeow.SendResponse{}, whatsmeow.ErrNotLoggedIn
			}
			return c.sendRaw(ctx, me, msg, whatsmeow.SendRequestExtra{Peer: true})
		}
	},
	"SetDisappearingTimer":    func(c caller) any { return c.setDisappearingTimer },
	"CreateGroup":             func(c caller) any { return c.createGroup },
	"UpdateGroupParticipants": func(c caller) any { return c.updateGroupParticipants },
	"UpdateBlocklist":         func(c caller) any { return c.updateBlocklist },
	// whatsmeow puts the id into an address without escaping it.
	"FetchStickerPack": func(c caller) any {
		return func(ctx context.Context, id string) (*types.StickerPack, error) {
			return c.Client.FetchStickerPack(ctx, url.QueryEscape(id))
		}
	},
}

// sends are the methods that count as messages sent.
var sends = map[string]bool{
	"SendMessage": true, "RevokeMessage": true, "SetDisappearingTimer": true,
	"CreateGroup": true, "UpdateGroupParticipants": true,
}

// createGroup is whatsmeow's method; people who never wrote are first contacts.
func (c caller) createGroup(ctx context.Context, req whatsmeow.ReqCreateGroup) (*types.GroupInfo, error) {
	err := c.Meet(ctx, req.Participants, func(i int) string { return fmt.Sprintf("params[0].Participants[%d]", i) })
	if err != nil {
		return nil, err
	}
	group, err := c.Client.CreateGroup(ctx, req)
	if err == nil {
		c.MarkSent()
		c.NoteGrouped(ctx, group.Participants)
	}
	return group, err
}

// updateGroupParticipants is whatsmeow's method; people who never wrote are first
// contacts of those who add them.
func (c caller) updateGroupParticipants(
	ctx context.Context, group types.JID, people []types.JID, change whatsmeow.ParticipantChange,
) ([]types.GroupParticipant, error) {
	adds := change == whatsmeow.ParticipantChangeAdd
	if adds {
		if err := c.Meet(ctx, people, func(i int) string { return fmt.Sprintf("params[1][%d]", i) }); err != nil {
			return nil, err
		}
	}
	answers, err := c.Client.UpdateGroupParticipants(ctx, group, people, change)
	if err != nil {
		return nil, err
	}
	c.MarkSent()
	if adds {
		c.NoteGrouped(ctx, answers)
	}
	return answers, nil
}

// setDisappearingTimer sends what whatsmeow sends: to a person a message like
// any other, which is limited and recorded; about a group a query to WhatsApp.
func (c caller) setDisappearingTimer(ctx context.Context, chat types.JID, timer time.Duration, at time.Time) error {
	if chat.Server != types.DefaultUserServer && chat.Server != types.HiddenUserServer {
		return c.Client.SetDisappearingTimer(ctx, chat, timer, at)
	}
	if at.IsZero() {
		at = time.Now()
	}
	_, err := c.sendRaw(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(),
		EphemeralExpiration: proto.Uint32(uint32(timer.Seconds())), EphemeralSettingTimestamp: proto.Int64(at.Unix()),
	}})
	return err
}

// updateBlocklist is whatsmeow's method; the mirror learns the new list.
func (c caller) updateBlocklist(
	ctx context.Context, jid types.JID, action events.BlocklistChangeAction,
) (*types.Blocklist, error) {
	listed, err := c.Client.UpdateBlocklist(ctx, jid, action)
	if err != nil {
		return nil, err
	}
	if _, err := c.KeepBlocklist(ctx, listed); err != nil {
		c.Log.Warn().Err(err).Msg("list of blocked contacts not kept")
	}
	return listed, nil
}

// sendAppState refuses patches on which whatsmeow would panic while it encodes them.
func (c caller) sendAppState(ctx context.Context, patch appstate.PatchInfo) error {
	if len(patch.Mutations) == 0 {
		return param.Bad("params[0].Mutations", "expected at least one mutation")
	}
	for i, mutation := range patch.Mutations {
		if mutation.Value == nil || len(mutation.Index) == 0 {
			return param.Bad(fmt.Sprintf("params[0].Mutations[%d]", i), "expected a mutation with Index and Value")
		}
	}
	return c.Patch(ctx, patch)
}

// sendRaw is whatsmeow's SendMessage, and records what was sent.
func (c caller) sendRaw(
	ctx context.Context, to types.JID, msg *waE2E.Message, extras ...whatsmeow.SendRequestExtra,
) (whatsmeow.SendResponse, error) {
	var extra whatsmeow.SendRequestExtra
	if len(extras) > 0 {
		extra = extras[0]
	}
	if extra.ID == "" {
		extra.ID = c.MessageID
	} else if !relay.IsMessageID(extra.ID) {
		return whatsmeow.SendResponse{}, param.Bad("params[2].ID", "expected a message id of 8 to 64 letters and digits")
	}
	if extra.Peer {
		if err := c.family.allows(methodsByName()["SendPeerMessage"]); err != nil {
			return whatsmeow.SendResponse{}, err
		}
		return c.Write(ctx, to, msg, extra)
	}
	if sent, ok, err := c.AlreadySent(ctx); ok || err != nil {
		return whatsmeow.SendResponse{
			ID: sent.ID, ServerID: sent.ServerID, Timestamp: time.Unix(sent.Shape.Timestamp, 0), Sender: sent.Sender,
		}, relay.Unsent(err)
	}
	response, _, err := c.Deliver(ctx, to, msg, extra)
	return response, err
}
