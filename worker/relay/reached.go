package relay

import (
	"context"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

const (
	reachedFor  = 10 * time.Minute
	reachedSize = 4096
)

// reachedCache remembers people with whom a Signal session was seen, to spare
// a look into the store per message.
type reachedCache struct {
	mu    sync.Mutex
	until map[types.JID]time.Time
}

func (r *reachedCache) has(jid types.JID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.until[jid])
}

func (r *reachedCache) add(jid types.JID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil || len(r.until) >= reachedSize {
		r.until = map[types.JID]time.Time{}
	}
	r.until[jid] = time.Now().Add(reachedFor)
}

// readable tells whether a message just sent to a person was encrypted to at
// least one device. whatsmeow only warns when a device's prekeys are missing or
// bad and then reports success although nobody was encrypted to; but encrypting
// leaves a session behind, and where no device has one, nothing was encrypted.
// Groups and channels are taken to be readable: a group message is encrypted
// once for all, and who got the key is not visible from outside. So is a store
// that cannot be asked: the message is out.
func (c *call) readable(ctx context.Context, to types.JID) bool {
	if to.IsBot() || to.Server != types.DefaultUserServer && to.Server != types.HiddenUserServer {
		return true
	}
	if c.reached.has(to) {
		return true
	}
	// The message is out: the end of the call must not change the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	target := to
	if to.Server == types.DefaultUserServer {
		lid, err := c.cli.Store.LIDs.GetLIDForPN(ctx, to)
		if err != nil || lid.IsEmpty() {
			return true
		}
		target = lid
	}
	devices, err := c.cli.GetUserDevices(ctx, []types.JID{target}) // from whatsmeow's cache: it has just sent
	if err != nil {
		return true
	}
	for _, device := range devices {
		has, err := c.cli.Store.Sessions.HasSession(ctx, device.SignalAddress().String())
		if err != nil {
			return true
		}
		if has {
			c.reached.add(to)
			return true
		}
	}
	return false
}
