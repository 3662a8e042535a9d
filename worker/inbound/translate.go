package inbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/shape"
)

// translator is one translation in progress.
type translator struct {
	resolver
	contacts   []Contact
	unreadable string // kind of a sealed part
}

// Translate returns the meaning of an event of whatsmeow, and false when there is nothing
// to record. An error comes from the store of ids, and another try may succeed. Content
// from a stranger never causes one.
func Translate(ctx context.Context, acct Account, ids IDs, evt any) (Change, bool, error) {
	t := &translator{resolver: resolver{ctx: ctx, acct: acct, ids: ids}}
	return t.change(t.translate(evt))
}

// change collects the results of the translation.
func (t *translator) change(op Op) (Change, bool, error) {
	if t.err != nil {
		return Change{}, false, t.err
	}
	c := Change{Account: t.acct, Aliases: t.aliases, Contacts: t.contacts, Op: op, Unreadable: t.unreadable}
	return c, op != nil || len(c.Contacts) > 0, nil
}

func (t *translator) translate(evt any) Op {
	switch e := evt.(type) {
	case *events.Message:
		return t.message(e)
	case *events.UndecryptableMessage:
		return t.undecryptable(e)
	case *events.Receipt:
		return t.receipt(e)
	case *events.HistorySync:
		return t.history(e)
	case *events.Archive:
		archived := e.Action.GetArchived()
		return t.setting(e.JID, ChatState{Archived: &archived}, e.Timestamp, e.FromFullSync)
	case *events.Pin:
		pinned := e.Action.GetPinned()
		return t.setting(e.JID, ChatState{Pinned: &pinned}, e.Timestamp, e.FromFullSync)
	case *events.Mute:
		until := mutedUntil(e.Action)
		return t.setting(e.JID, ChatState{MutedUntil: &until}, e.Timestamp, e.FromFullSync)
	case *events.MarkChatAsRead:
		unread := -1
		if e.Action.GetRead() {
			unread = 0
		}
		return t.setting(e.JID, ChatState{Unread: &unread}, e.Timestamp, e.FromFullSync)
	case *events.ClearChat:
		return t.clear(e.JID, e.Action.GetMessageRange(), e.Timestamp, false, e.FromFullSync)
	case *events.DeleteChat:
		return t.clear(e.JID, e.Action.GetMessageRange(), e.Timestamp, true, e.FromFullSync)
	case *events.DeleteForMe:
		return &DeleteForMe{
			Chat: t.user(e.ChatJID, types.EmptyJID), ID: shape.CleanMessageID(e.MessageID),
			FromMe: e.IsFromMe, At: e.Timestamp, Quiet: e.FromFullSync,
		}
	case *events.Star:
		return &Star{
			Chat: t.user(e.ChatJID, types.EmptyJID), ID: shape.CleanMessageID(e.MessageID),
			Starred: e.Action.GetStarred(),
		}
	case *events.Contact:
		t.savedContact(e)
	case *events.PushName:
		t.contacts = append(t.contacts, Contact{ID: t.user(e.JID, e.JIDAlt), PushName: e.NewPushName})
	case *events.BusinessName:
		t.contacts = append(t.contacts, Contact{ID: t.user(e.JID, types.EmptyJID), BusinessName: e.NewBusinessName})
	case *events.PushNameSetting:
		return &OwnName{Name: e.Action.GetName()}
	case *events.GroupInfo:
		return t.groupInfo(e)
	case *events.JoinedGroup:
		return t.joinedGroup(e)
	case *events.Picture:
		return t.picture(e)
	case *events.LabelEdit:
		return t.label(e)
	case *events.LabelAssociationChat:
		return t.labelled(e)
	case *events.AppState:
		return t.appState(e)
	case *events.NotifyAccountReachoutTimelock:
		return timelock(e, time.Now())
	case *events.TemporaryBan:
		return ban(e, time.Now())
	case *events.Connected:
		return &NumberNotice{standing.Notice{Kind: standing.LoggedIn, At: time.Now()}}
	case *events.CallOffer:
		return t.callOffer(e)
	case *events.CallOfferNotice:
		return t.callNotice(e)
	}
	return nil
}
