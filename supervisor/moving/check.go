package moving

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	maxValue = 4 << 20 // bytes of a single value
	maxText  = 1024    // bytes of a name or an address
)

// MaxRows is how many rows are read from a database at most. It is above what Check takes:
// an account of this server may have grown, and goes out again nevertheless.
const MaxRows = 3_000_000

// MaxValue is how many bytes a single value may have.
const MaxValue = maxValue

var (
	userOf    = regexp.MustCompile(`^[1-9][0-9]{4,19}$`)
	signalAt  = regexp.MustCompile(`^[0-9A-Za-z.-]{1,64}(_[0-9]{1,3})?:[0-9]{1,5}$`)
	uuid      = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,20}$`)
	ownDevice = regexp.MustCompile(`^([1-9][0-9]{4,19}):([1-9][0-9]{0,4})@(s\.whatsapp\.net|lid|hosted|hosted\.lid)$`)
)

// SplitJID takes a device's address apart: 4915112345678:3@s.whatsapp.net. It reports
// false for everything that is not written in the one way in which we write it.
func SplitJID(jid string) (user string, device uint16, server string, ok bool) {
	parts := ownDevice.FindStringSubmatch(jid)
	if parts == nil {
		return "", 0, "", false
	}
	n, err := strconv.ParseUint(parts[2], 10, 16)
	return parts[1], uint16(n), parts[3], err == nil
}

// Check refuses an account that would not work or would harm: keys of the wrong length,
// addresses that are none, more rows than any account has (Tally). The fault says what is
// wrong and quotes no value.
func (a *Account) Check() error {
	if err := a.Device.check(); err != nil {
		return err
	}
	if err := new(Tally).Add(a); err != nil {
		return err
	}
	return a.CheckPart()
}

// CheckPart is Check without the device and what only the whole shows: how much there is,
// and what is there twice.
func (a *Account) CheckPart() error {
	for _, check := range []func() error{a.checkKeys, a.checkSessions, a.checkAppState, a.checkRest} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Device) check() error {
	user, _, server, ok := SplitJID(d.JID)
	if !ok || server != "s.whatsapp.net" || !userOf.MatchString(user) {
		return bad("the device's own address (jid) is not of the form 4915112345678:3@s.whatsapp.net; is the device paired?")
	}
	if d.LID != "" {
		if _, _, server, ok := SplitJID(d.LID); !ok || server != "lid" {
			return bad("the device's hidden id (lid) is not of the form 123456789:3@lid")
		}
	}
	empty := [32]byte{}
	for name, key := range map[string][32]byte{"noise key": d.Noise, "identity key": d.Identity, "signed pre key": d.SignedPreKey} {
		if key == empty {
			return bad("the device's %s is missing", name)
		}
	}
	for name, size := range map[string][2]int{
		"signature of the signed pre key": {len(d.Signature), 64}, "account signature": {len(d.AccountSignature), 64},
		"account signature key": {len(d.AccountKey), 32}, "device signature": {len(d.DeviceSignature), 64},
	} {
		if size[0] != size[1] {
			return bad("the device's %s has %d bytes and not %d", name, size[0], size[1])
		}
	}
	if len(d.AdvSecret) > maxText || len(d.Details) == 0 || len(d.Details) > maxText || d.SignedID > 0xffffff ||
		d.FacebookUUID != "" && !uuid.MatchString(d.FacebookUUID) {
		return bad("the device's signed identity is not one")
	}
	return texts("the device", d.Platform, d.BusinessName, d.PushName, d.MetaNonce, d.FacebookUUID)
}

func (a *Account) checkKeys() error {
	seen := map[uint32]bool{}
	for _, k := range a.PreKeys {
		if k.ID > 0xffffff || seen[k.ID] {
			return bad("a pre key has an id that is taken or above 16777215")
		}
		seen[k.ID] = true
	}
	known := map[string]bool{}
	for _, i := range a.Identities {
		if len(i.Key) != 32 || !signalAt.MatchString(i.Address) || known[i.Address] {
			return bad("an identity key has not 32 bytes, or its address is none or there twice")
		}
		known[i.Address] = true
	}
	return nil
}

func (a *Account) checkSessions() error {
	seen := map[string]bool{}
	for _, s := range a.Sessions {
		if len(s.Record) == 0 || len(s.Record) > maxValue || !signalAt.MatchString(s.Address) || seen[s.Address] {
			return bad("a session is empty or too long, or its address is none or there twice")
		}
		seen[s.Address] = true
	}
	for _, s := range a.SenderKeys {
		name := s.Group + "/" + s.Sender
		if len(s.Record) == 0 || len(s.Record) > maxValue || s.Group == "" || !signalAt.MatchString(s.Sender) || seen[name] {
			return bad("a sender key is empty or too long, or its group or sender is none or there twice")
		}
		if err := texts("a sender key", s.Group); err != nil {
			return err
		}
		seen[name] = true
	}
	return nil
}

func (a *Account) checkAppState() error {
	seen := map[string]bool{}
	for _, k := range a.SyncKeys {
		if len(k.ID) == 0 || len(k.ID) > maxText || len(k.Data) == 0 || len(k.Data) > maxText || len(k.Fingerprint) > maxText || seen[string(k.ID)] {
			return bad("a key of the app state has no id or no data, or is there twice")
		}
		seen[string(k.ID)] = true
	}
	for _, c := range a.Collections {
		if c.Name == "" || seen["collection "+c.Name] || len(c.Hash) != 128 || c.Version > 1<<62 {
			return bad("a version of the app state has no name, is there twice, or its hash has not 128 bytes")
		}
		if err := texts("a version of the app state", c.Name); err != nil {
			return err
		}
		seen["collection "+c.Name] = true
		macs := map[string]bool{}
		for _, m := range c.Macs {
			key := strconv.FormatUint(m.Version, 10) + string(m.Index)
			if len(m.Index) != 32 || len(m.Value) != 32 || m.Version > 1<<62 || macs[key] {
				return bad("an entry of the app state has MACs that have not 32 bytes, or is there twice")
			}
			macs[key] = true
		}
	}
	return nil
}

func (a *Account) checkRest() error {
	seen := map[string]bool{}
	once := func(kind string, parts ...string) error {
		key := kind + "\x00" + strings.Join(parts, "\x00")
		if parts[0] == "" || seen[key] {
			return bad("%s has no address, or is there twice", kind)
		}
		seen[key] = true
		return texts(kind, parts...)
	}
	for _, c := range a.Contacts {
		if err := once("a contact", c.JID); err != nil {
			return err
		}
		if err := texts("a contact", c.FirstName, c.FullName, c.PushName, c.BusinessName, c.Redacted); err != nil {
			return err
		}
	}
	for _, c := range a.Chats {
		if err := once("a chat", c.JID); err != nil {
			return err
		}
	}
	for _, s := range a.Secrets {
		if err := once("a message secret", s.Chat, s.Sender, s.ID); err != nil || len(s.Key) == 0 || len(s.Key) > maxText {
			return bad("a message secret is empty, too long, or there twice")
		}
	}
	for _, t := range a.Tokens {
		if err := once("a privacy token", t.JID); err != nil || len(t.Token) > maxText*4 {
			return bad("a privacy token is too long, or there twice")
		}
	}
	for _, p := range a.Pairs {
		if !digits.MatchString(p.LID) || !digits.MatchString(p.PN) || seen["lid "+p.LID] || seen["pn "+p.PN] {
			return bad("a pair of hidden id and phone number is none, or one of them is there twice")
		}
		seen["lid "+p.LID], seen["pn "+p.PN] = true, true
	}
	for _, r := range a.Received {
		if len(r.Hash) != 32 || len(r.Plaintext) > maxValue || seen["received "+string(r.Hash)] {
			return bad("a message that waits has a hash that has not 32 bytes, or is there twice")
		}
		seen["received "+string(r.Hash)] = true
	}
	for _, s := range a.Sent {
		if err := once("a message that was sent", s.Chat, s.ID); err != nil || len(s.Plaintext) > maxValue || len(s.Format) > maxText {
			return bad("a message that was sent is too long, or there twice")
		}
	}
	if len(a.Salt) > maxText {
		return bad("the salt of the privacy tokens is too long")
	}
	return nil
}

// texts refuses what Postgres would not take as text.
func texts(what string, all ...string) error {
	for _, t := range all {
		if len(t) > maxText || strings.ContainsRune(t, 0) || strings.ToValidUTF8(t, "") != t {
			return bad("%s has a text that is longer than %d bytes, or is not valid text", what, maxText)
		}
	}
	return nil
}
