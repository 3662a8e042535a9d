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

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/redact"
)

const (
	repairTimeout = 2 * time.Minute
	repairPause   = 2 * time.Second // doubles with each round
)

// keepKeys stores the keys that the phone shares, before the phone hears that we have
// them. whatsmeow stores them too, but in the background: a process that dies in between
// would never get them again.
func (h *handler) keepKeys(ctx context.Context, cl *client.Client, share *waE2E.AppStateSyncKeyShare) error {
	for _, key := range share.GetKeys() {
		fingerprint, err := proto.Marshal(key.GetKeyData().GetFingerprint())
		if err != nil {
			return fmt.Errorf("encode fingerprint of app state key: %w", err)
		}
		err = cl.WA.Store.AppStateKeys.PutAppStateSyncKey(ctx, key.GetKeyID().GetKeyID(), store.AppStateSyncKey{
			Data: key.GetKeyData().GetKeyData(), Fingerprint: fingerprint, Timestamp: key.GetKeyData().GetTimestamp(),
		})
		if err != nil {
			return fmt.Errorf("store app state key: %w", err)
		}
	}
	return nil
}

// repairAppState fetches the collections that are still at version 0. The first fetch
// follows the phone's key share, and whatsmeow never repeats it when the connection dies
// in the middle of it. Without a key whatsmeow asks the phone for one, and fetches again
// when the key comes. Collections that WhatsApp refuses for the moment are asked for
// again.
func (h *handler) repairAppState(cl *client.Client) {
	ctx, cancel := context.WithTimeout(cl.Context(), repairTimeout)
	defer cancel()
	left := appstate.AllPatchNames[:]
	for pause := backoff.New(repairPause, repairTimeout); len(left) > 0; {
		var failed []appstate.WAPatchName
		for _, name := range left {
			err := cl.WA.FetchAppState(ctx, name, false, true)
			if err != nil && ctx.Err() == nil && !errors.Is(err, appstate.ErrKeyNotFound) {
				h.log.Warn().Err(errors.New(redact.Text(err.Error()))).Str("collection", string(name)).Msg("app state not fetched")
				failed = append(failed, name)
			}
		}
		if left = failed; len(left) > 0 && pause.Wait(ctx) != nil {
			return
		}
	}
}
