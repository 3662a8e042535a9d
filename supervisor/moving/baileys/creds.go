package baileys

import (
	"encoding/base64"
	"strings"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
)

// creds is creds.json as far as it is read. Written is more: see writer.
type creds struct {
	Noise        keyPair `json:"noiseKey"`
	Identity     keyPair `json:"signedIdentityKey"`
	SignedPreKey struct {
		Pair      keyPair `json:"keyPair"`
		Signature blob    `json:"signature"`
		ID        number  `json:"keyId"`
	} `json:"signedPreKey"`
	RegistrationID number `json:"registrationId"`
	AdvSecret      string `json:"advSecretKey"`
	FirstUnsent    number `json:"firstUnuploadedPreKeyId"`
	Me             *struct {
		ID   string `json:"id"`
		LID  string `json:"lid"`
		Name string `json:"name"`
	} `json:"me"`
	Account *struct {
		Details          blob `json:"details"`
		AccountKey       blob `json:"accountSignatureKey"`
		AccountSignature blob `json:"accountSignature"`
		DeviceSignature  blob `json:"deviceSignature"`
	} `json:"account"`
	Platform string `json:"platform"`
}

type keyPair struct {
	Private blob `json:"private"`
	Public  blob `json:"public"`
}

func (k keyPair) key(what string) (key [32]byte, err error) {
	if len(k.Private) != len(key) {
		return key, moving.Unreadable("creds.json: the %s has not 32 bytes", what)
	}
	key = [32]byte(k.Private)
	// A public key that does not fit would show only at the first message.
	if public, ok := ratchet.Bare(k.Public); ok && string(public) != string(ratchet.Public(key)) {
		return key, moving.Unreadable("creds.json: the two halves of the %s do not belong together", what)
	}
	return key, nil
}

func (c *creds) device() (d moving.Device, err error) {
	if c.Me == nil || c.Account == nil {
		return d, moving.Unreadable("creds.json: the device is not linked to an account (me or account is missing)")
	}
	if d.Noise, err = c.Noise.key("noise key"); err != nil {
		return d, err
	}
	if d.Identity, err = c.Identity.key("identity key"); err != nil {
		return d, err
	}
	if d.SignedPreKey, err = c.SignedPreKey.Pair.key("signed pre key"); err != nil {
		return d, err
	}
	if d.AdvSecret, err = base64.StdEncoding.DecodeString(c.AdvSecret); err != nil {
		return d, moving.Unreadable("creds.json: advSecretKey is not base64")
	}
	if c.RegistrationID < 0 || c.RegistrationID > 1<<32-1 || c.SignedPreKey.ID < 0 || c.SignedPreKey.ID > 0xffffff {
		return d, moving.Unreadable("creds.json: registrationId or the id of the signed pre key is out of range")
	}
	d.JID, d.LID, d.PushName, d.Platform = c.Me.ID, c.Me.LID, c.Me.Name, c.Platform
	d.RegistrationID, d.SignedID, d.Signature = uint32(c.RegistrationID), uint32(c.SignedPreKey.ID), c.SignedPreKey.Signature
	d.Details, d.AccountSignature, d.DeviceSignature = c.Account.Details, c.Account.AccountSignature, c.Account.DeviceSignature
	key, _ := ratchet.Bare(c.Account.AccountKey)
	d.AccountKey = key
	// A LID without its device is that of the same device.
	if user, server, ok := strings.Cut(d.LID, "@"); ok && !strings.Contains(user, ":") {
		if _, rest, ok := strings.Cut(d.JID, ":"); ok {
			device, _, _ := strings.Cut(rest, "@")
			d.LID = user + ":" + device + "@" + server
		}
	}
	return d, nil
}
