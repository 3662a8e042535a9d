package neutral

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
)

const maxFile = 256 << 20

// Read reads a document and notes in the report what could not be taken.
func Read(path string, r *moving.Report) (*moving.Account, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	var s snapshot
	if len(raw) > maxFile || json.Unmarshal(raw, &s) != nil {
		return nil, moving.Unreadable("the file is not the JSON of wa-store-migrate (docs/IR.md), or too large")
	}
	if s.SchemaVersion != schemaVersion {
		return nil, moving.Unreadable("the JSON has the schema version %d, and %d is read", s.SchemaVersion, schemaVersion)
	}
	in := &reading{s: &s, account: &moving.Account{}, report: r}
	for _, part := range []func() error{in.device, in.keys, in.sessions, in.appState, in.people} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return in.account, nil
}

type reading struct {
	s       *snapshot
	account *moving.Account
	report  *moving.Report
}

func key(what string, pair keyPair) (private [32]byte, err error) {
	if len(pair.Private) != len(private) {
		return private, moving.Unreadable("the %s has not 32 bytes", what)
	}
	private = [32]byte(pair.Private)
	if public, ok := ratchet.Bare(pair.Public); ok && !bytes.Equal(public, ratchet.Public(private)) {
		return private, moving.Unreadable("the two halves of the %s do not belong together", what)
	}
	return private, nil
}

func (in *reading) device() (err error) {
	id, d := in.s.Identity, &in.account.Device
	if id.Account == nil || id.JID == "" {
		return moving.Unreadable("the device is not linked to an account (signedIdentity or meJid is missing)")
	}
	if d.Noise, err = key("noise key", id.Noise); err != nil {
		return err
	}
	if d.Identity, err = key("identity key", id.Signed); err != nil {
		return err
	}
	if d.SignedPreKey, err = key("signed pre key", in.s.SignedPreKey.Pair); err != nil {
		return err
	}
	d.JID, d.LID, d.PushName, d.Platform = id.JID, id.LID, id.Name, id.Platform
	d.RegistrationID, d.AdvSecret, d.SignedID, d.Signature = id.RegistrationID, id.AdvSecret, in.s.SignedPreKey.ID, in.s.SignedPreKey.Signature
	d.Details, d.AccountSignature, d.DeviceSignature = id.Account.Details, id.Account.AccountSignature, id.Account.DeviceSignature
	d.AccountKey, _ = ratchet.Bare(id.Account.AccountKey)
	return nil
}

func (in *reading) keys() error {
	for _, e := range in.s.PreKeys {
		private, err := key("key of a pre key", e.value.Pair)
		if err != nil {
			return err
		}
		in.account.PreKeys = append(in.account.PreKeys, moving.PreKey{ID: e.value.ID, Private: private, Uploaded: e.value.Uploaded})
	}
	for _, e := range in.s.SignalIdentities {
		a, ok := fromKey(e.key)
		public, whole := ratchet.Bare(e.value)
		if !ok || !whole {
			return moving.Unreadable("an entry of signalIdentities has no address or no key")
		}
		in.account.Identities = append(in.account.Identities, moving.Identity{Address: a.signal(), Key: public})
	}
	return nil
}

func (in *reading) sessions() error {
	known := map[string]bool{}
	for _, i := range in.account.Identities {
		known[i.Address] = true
	}
	for _, e := range in.s.Sessions {
		s, err := ratchet.SessionFromProto(e.value.Record.Proto)
		if err != nil {
			in.report.Lose("sessions", 1, "records that are not whole; messages in them are asked for again")
			continue
		}
		to := e.value.Address.signal()
		in.account.Sessions = append(in.account.Sessions, moving.Session{Address: to, Record: s.Bytes()})
		if !known[to] {
			known[to] = true
			in.account.Identities = append(in.account.Identities, moving.Identity{Address: to, Key: s.SessionState.RemoteIdentityPublic[1:]})
		}
	}
	for _, e := range in.s.SenderKeys {
		k, err := ratchet.SenderKeyFromProto(e.value.Record.Proto)
		if err != nil {
			in.report.Lose("senderKeys", 1, "records that are not whole; members send theirs again when we ask")
			continue
		}
		in.account.SenderKeys = append(in.account.SenderKeys, moving.SenderKey{Group: e.value.Of.Group, Sender: e.value.Of.Sender.signal(), Record: k.Bytes()})
	}
	if n := len(in.s.Distributions) + len(in.s.DeviceLists); n > 0 {
		in.report.Lose("deviceLists", n, "who has which devices, and who has our sender keys, is asked and sent anew")
	}
	return nil
}

func (in *reading) appState() error {
	for _, e := range in.s.SyncKeys {
		k := moving.SyncKey{ID: e.value.ID, Data: e.value.Data, Timestamp: e.value.Timestamp}
		if f := e.value.Fingerprint; f != nil {
			k.Fingerprint = moving.Fingerprint{RawID: f.RawID, CurrentIndex: f.Current, DeviceIndexes: f.Indexes}.Bytes()
		}
		in.account.SyncKeys = append(in.account.SyncKeys, k)
	}
	for _, e := range in.s.Versions {
		v := e.value
		if v.Version == 0 {
			continue // it was never read
		}
		c := moving.Collection{Name: v.Collection, Version: v.Version, Hash: v.Hash}
		for _, m := range v.Values {
			index, err := base64.StdEncoding.DecodeString(m.key)
			if err != nil {
				return moving.Unreadable("a key of indexValueMap is not base64")
			}
			c.Macs = append(c.Macs, moving.Mac{Version: v.Version, Index: index, Value: m.value})
		}
		slices.SortFunc(c.Macs, func(a, b moving.Mac) int { return bytes.Compare(a.Index, b.Index) })
		in.account.Collections = append(in.account.Collections, c)
	}
	return nil
}

func (in *reading) people() error {
	for _, e := range in.s.Tokens {
		t := e.value
		if t.Salt != nil && in.account.Salt == nil {
			in.account.Salt = t.Salt
		}
		if t.Token == nil {
			continue
		}
		to := moving.Token{JID: t.JID, Token: t.Token, Timestamp: t.Timestamp / 1000}
		if t.Sent != nil {
			s := *t.Sent / 1000
			to.Sent = &s
		}
		in.account.Tokens = append(in.account.Tokens, to)
	}
	lids, numbers := map[string]bool{}, map[string]bool{}
	for _, e := range in.s.Contacts {
		c := e.value
		in.account.Contacts = append(in.account.Contacts, moving.Contact{JID: server(c.JID), FullName: c.Display, PushName: c.Push, BusinessName: c.Verified})
		lid, pn := userOf(cmp.Or(c.LID, c.JID), "lid"), userOf(cmp.Or(c.Phone, c.JID), "s.whatsapp.net")
		if lid != "" && pn != "" && !lids[lid] && !numbers[pn] {
			lids[lid], numbers[pn] = true, true
			in.account.Pairs = append(in.account.Pairs, moving.Pair{LID: lid, PN: pn})
		}
	}
	for _, e := range in.s.Secrets {
		s := e.value
		in.account.Secrets = append(in.account.Secrets, moving.Secret{Chat: server(cmp.Or(s.Chat, s.Sender)), Sender: server(s.Sender), ID: s.ID, Key: s.Secret})
	}
	return nil
}

// server writes the server of phone numbers as the wire does: pages say c.us.
func server(jid string) string {
	if user, ok := strings.CutSuffix(jid, "@c.us"); ok {
		return user + "@s.whatsapp.net"
	}
	return jid
}

// userOf returns the user part of an address of a person on that server, "" for others.
func userOf(jid, on string) string {
	user, at, _ := strings.Cut(server(jid), "@")
	if at != on || strings.Trim(user, "0123456789") != "" {
		return ""
	}
	return user
}
