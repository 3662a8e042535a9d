package worker

import (
	"errors"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
)

// restorePresence shows the account as its owner last wished. One that was
// never asked for is left as WhatsApp has it: offline, so that the phone rings.
func (c *core) restorePresence(s *session) {
	on, err := c.mirror.Preference(s.ctx, mirror.Available)
	if err == nil {
		presence := types.PresenceUnavailable
		if on {
			presence = types.PresenceAvailable
		}
		err = s.cli.SendPresence(s.ctx, presence)
	}
	if err != nil && !errors.Is(err, mirror.ErrNotFound) && s.ctx.Err() == nil {
		c.log.Debug().Err(err).Msg("presence not restored")
	}
}
