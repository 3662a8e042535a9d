package inbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/message"
)

// Outgoing is something that this device has sent and the server has acknowledged.
type Outgoing struct {
	Chat     types.JID // as given to SendMessage
	ID       string
	ServerID int // channels
	At       time.Time
	Message  *waE2E.Message // as given to SendMessage
	// Recipients is how many others a group message went to; 0 when not known.
	Recipients int
	// Fresh says that the id was made for this message just now, by this process.
	Fresh bool
}

// Sent translates an own message, reaction, edit, revocation or vote, for
// mirror.RecordSent. whatsmeow raises no events for what this device does itself.
func Sent(ctx context.Context, acct Account, ids IDs, out Outgoing) (Change, bool, error) {
	t := &translator{resolver: resolver{ctx: ctx, acct: acct, ids: ids}}
	info := types.MessageInfo{
		MessageSource: types.MessageSource{
			Chat: out.Chat.ToNonAD(), Sender: acct.JID.ToNonAD(), IsFromMe: true,
			IsGroup: out.Chat.Server == types.GroupServer || out.Chat.Server == types.BroadcastServer,
		},
		ID: out.ID, ServerID: out.ServerID, Timestamp: out.At, PushName: acct.PushName,
	}
	if p := out.Message.GetProtocolMessage(); p != nil && p.GetKey() != nil && !p.GetKey().GetFromMe() {
		info.Edit = types.EditAttributeAdminRevoke
	}
	op := t.message((&events.Message{Info: info, RawMessage: out.Message}).UnwrapRaw())
	if m, ok := op.(*Message); ok {
		m.Sent, m.Fresh, m.Recipients = true, out.Fresh, out.Recipients
		mode := message.Read(out.Message).Context.GetDisappearingMode()
		if mode.GetTrigger() != waE2E.DisappearingMode_ACCOUNT_SETTING { // then the chat starts with it
			m.Timer = nil // it repeats what is known, or what the caller wanted for this one message
		}
	}
	return t.change(op)
}
