package worker

// refreshBlocklist reads anew whom the account has blocked: another device may
// have changed it, also while this one was away.
func (c *core) refreshBlocklist(s *session) {
	if err := c.readBlocklist(s.ctx, s.cli); err != nil && s.ctx.Err() == nil {
		c.log.Debug().Err(err).Msg("list of blocked contacts not read")
	}
}
