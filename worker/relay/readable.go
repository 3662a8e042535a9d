package relay

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.mau.fi/whatsmeow/types"
)

const (
	reachedFor  = 10 * time.Minute
	reachedSize = 4096
)

// reachedCache remembers the people with whom a Signal session was seen, to spare
// a look into the store per message. It is safe for concurrent use.
type reachedCache struct {
	until *lru.Cache[types.JID, time.Time]
}

func newReachedCache() reachedCache {
	until, err := lru.New[types.JID, time.Time](reachedSize)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return reachedCache{until}
}

func (r reachedCache) has(jid types.JID) bool {
	until, ok := r.until.Get(jid)
	return ok && time.Now().Before(until)
}

func (r reachedCache) add(jid types.JID) { r.until.Add(jid, time.Now().Add(reachedFor)) }

// readable tells whether a message just sent to a person was encrypted to at
// least one device. When a device's prekeys are missing or bad, whatsmeow only
// warns; it then reports success although it encrypted to nobody. But encrypting
// leaves a Signal session behind, and where no device has one, nothing was
// encrypted.
//
// Groups and channels count as readable: a group message is encrypted once for
// all, and it cannot be seen from outside who got the key. So does a person when
// the store cannot be asked, since the message is out.
func (c *Call) readable(ctx context.Context, to types.JID) bool {
	if to.IsBot() || to.Server != types.DefaultUserServer && to.Server != types.HiddenUserServer {
		return true
	}
	if c.table.reached.has(to) {
		return true
	}
	// The message is out: the end of the call must not change the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	target := to
	if to.Server == types.DefaultUserServer {
		lid, err := c.Client.Store.LIDs.GetLIDForPN(ctx, to)
		if err != nil || lid.IsEmpty() {
			return true
		}
		target = lid
	}
	devices, err := c.Client.GetUserDevices(ctx, []types.JID{target}) // from whatsmeow's cache, since it has just sent
	if err != nil {
		return true
	}
	for _, device := range devices {
		has, err := c.Client.Store.Sessions.HasSession(ctx, device.SignalAddress().String())
		if err != nil {
			return true
		}
		if has {
			c.table.reached.add(to)
			return true
		}
	}
	return false
}
