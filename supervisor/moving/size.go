package moving

// size returns how many bytes are in the values of an account.
func (a *Account) size() (bytes int64) {
	add := func(parts ...int) {
		for _, n := range parts {
			bytes += int64(n)
		}
	}
	d := &a.Device
	add(len(d.JID), len(d.LID), len(d.Signature), len(d.AdvSecret), len(d.Details), len(d.AccountSignature), len(d.AccountKey),
		len(d.DeviceSignature), len(d.Platform), len(d.BusinessName), len(d.PushName), len(d.FacebookUUID), len(d.MetaNonce), len(a.Salt))
	for range a.PreKeys {
		add(len(PreKey{}.Private))
	}
	for _, i := range a.Identities {
		add(len(i.Address), len(i.Key))
	}
	for _, s := range a.Sessions {
		add(len(s.Address), len(s.Record))
	}
	for _, s := range a.SenderKeys {
		add(len(s.Group), len(s.Sender), len(s.Record))
	}
	for _, k := range a.SyncKeys {
		add(len(k.ID), len(k.Data), len(k.Fingerprint))
	}
	for _, c := range a.Collections {
		add(len(c.Name), len(c.Hash))
		for _, m := range c.Macs {
			add(len(m.Index), len(m.Value))
		}
	}
	for _, c := range a.Contacts {
		add(len(c.JID), len(c.FirstName), len(c.FullName), len(c.PushName), len(c.BusinessName), len(c.Redacted))
	}
	for _, c := range a.Chats {
		add(len(c.JID))
	}
	for _, s := range a.Secrets {
		add(len(s.Chat), len(s.Sender), len(s.ID), len(s.Key))
	}
	for _, t := range a.Tokens {
		add(len(t.JID), len(t.Token))
	}
	for _, p := range a.Pairs {
		add(len(p.LID), len(p.PN))
	}
	for _, r := range a.Received {
		add(len(r.Hash), len(r.Plaintext))
	}
	for _, s := range a.Sent {
		add(len(s.Chat), len(s.ID), len(s.Format), len(s.Plaintext))
	}
	return bytes
}
