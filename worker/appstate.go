package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/proto"
)

const (
	repairTimeout = 2 * time.Minute
	repairPause   = 2 * time.Second // doubles with each round
)

// keepKeys stores the keys that the phone shares before it hears that we have
// them. whatsmeow stores them too, but in the background: a process that dies in
// between would never get them again.
func (c *core) keepKeys(ctx context.Context, s *session, share *waE2E.AppStateSyncKeyShare) error {
	for _, key := range share.GetKeys() {
		fingerprint, err := proto.Marshal(key.GetKeyData().GetFingerprint())
		if err != nil {
			return fmt.Errorf("encode fingerprint of app state key: %w", err)
		}
		err = s.cli.Store.AppStateKeys.PutAppStateSyncKey(ctx, key.GetKeyID().GetKeyID(), store.AppStateSyncKey{
			Data: key.GetKeyData().GetKeyData(), Fingerprint: fingerprint, Timestamp: key.GetKeyData().GetTimestamp(),
		})
		if err != nil {
			return fmt.Errorf("store app state key: %w", err)
		}
	}
	return nil
}

// repair makes up for a bootstrap that was interrupted: by now WhatsApp has
// delivered what it still had for us.
func (c *core) repair() {
	s := c.current.Load()
	if s == nil {
		return
	}
	before := c.openedAt
	c.background(func() {
		c.replay(s, before)
		c.repairAppState(s)
	})
}

// repairAppState fetches the collections that are still at version 0. The
// first fetch follows the phone's key share and is never repeated by whatsmeow
// when the connection dies in the middle of it. Without a key whatsmeow asks the
// phone for one, and fetches again when it comes. What WhatsApp refuses for the
// moment is asked for again.
func (c *core) repairAppState(s *session) {
	ctx, cancel := context.WithTimeout(s.ctx, repairTimeout)
	defer cancel()
	left := appstate.AllPatchNames[:]
	for pause := repairPause; len(left) > 0; pause *= 2 {
		var failed []appstate.WAPatchName
		for _, name := range left {
			err := s.cli.FetchAppState(ctx, name, false, true)
			if err != nil && ctx.Err() == nil && !errors.Is(err, appstate.ErrKeyNotFound) {
				c.log.Warn().Err(errors.New(withoutStanzas(err.Error()))).Str("collection", string(name)).Msg("app state not fetched")
				failed = append(failed, name)
			}
		}
		if left = failed; len(left) > 0 && !sleep(ctx, pause) {
			return
		}
	}
}
