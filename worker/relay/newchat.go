package relay

import (
	"context"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
)

// longestDefault is longer than the 90 days that WhatsApp's own clients set at most.
const longestDefault = 366 * 24 * 60 * 60

// startTimer gives the first message of a chat with one person the timer with which the
// account, or that person, starts new chats. The shorter one counts, and the account's own
// where they are the same (WAWebEphemeralityResolver.resolveNewChatDMSettings).
//
// A setting that WhatsApp does not tell is none: the message goes out without.
func (c *Call) startTimer(ctx context.Context, to types.JID, msg *waE2E.Message) error {
	account := c.Account()
	if to.User == account.JID.User || to.User == account.LID.User {
		return nil
	}
	own, other, err := c.defaultTimers(ctx, account.JID.ToNonAD(), to.ToNonAD())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.Log.Warn().Err(err).Msg("with which timer a new chat starts could not be looked up")
		return nil
	}
	seconds, by := own, waE2E.DisappearingMode_INITIATED_BY_ME
	if own == 0 || other > 0 && other < own {
		seconds, by = other, waE2E.DisappearingMode_INITIATED_BY_OTHER
	}
	if seconds > 0 {
		message.SetTimer(msg, seconds, time.Now().Unix(), &waE2E.DisappearingMode{
			Initiator: by.Enum(), Trigger: waE2E.DisappearingMode_ACCOUNT_SETTING.Enum(),
			InitiatedByMe: proto.Bool(by == waE2E.DisappearingMode_INITIATED_BY_ME),
		})
	}
	return nil
}

// defaultTimers asks WhatsApp with which timers two people start new chats; 0 for none.
func (c *Call) defaultTimers(ctx context.Context, me, peer types.JID) (own, other uint32, err error) {
	//lint:ignore SA1019 whatsmeow asks for this, and drops the answer
	list, err := c.Client.DangerousInternals().Usync(ctx, []types.JID{me, peer}, "query", "interactive",
		[]waBinary.Node{{Tag: "disappearing_mode"}})
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the timers of new chats: %w", err)
	}
	for _, user := range list.GetChildren() {
		jid, _ := user.Attrs["jid"].(types.JID)
		mode := user.GetChildByTag("disappearing_mode")
		seconds := mode.AttrGetter().OptionalInt("duration")
		if seconds <= 0 || seconds > longestDefault {
			continue
		}
		if jid.User == me.User {
			own = uint32(seconds)
		} else {
			other = uint32(seconds)
		}
	}
	return own, other, nil
}
