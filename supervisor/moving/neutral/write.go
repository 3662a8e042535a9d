package neutral

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
)

// Write makes a new file with the document, and notes in the report what the form has no
// place for. Only its owner may read it.
func Write(path string, a *moving.Account, r *moving.Report) error {
	raw, err := json.MarshalIndent(documentOf(a, r), "", " ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	if _, err = file.Write(append(raw, '\n')); err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func pairOf(private [32]byte, typed bool) keyPair {
	public := ratchet.Public(private)
	if typed {
		public, _ = ratchet.Typed(public)
	}
	return keyPair{public, private[:]}
}

func documentOf(a *moving.Account, r *moving.Report) snapshot {
	s := snapshot{
		SchemaVersion: schemaVersion, Source: "whatsmeow", Distributions: []json.RawMessage{}, DeviceLists: []json.RawMessage{},
		PreKeys: []pair[uint32, preKey]{}, SignalIdentities: []pair[string, []byte]{}, Sessions: []pair[string, session]{}, SenderKeys: []pair[string, sender]{},
		SyncKeys: []pair[string, syncKey]{}, Versions: []pair[string, version]{}, Tokens: []pair[string, token]{}, Contacts: []pair[string, contact]{},
		Secrets: []pair[string, secret]{},
	}
	d := a.Device
	s.Identity = identity{
		Noise: pairOf(d.Noise, false), Signed: pairOf(d.Identity, true), RegistrationID: d.RegistrationID, AdvSecret: d.AdvSecret,
		JID: d.JID, LID: d.LID, Name: d.PushName, Platform: d.Platform,
	}
	s.Identity.Account = &struct {
		Details          []byte `json:"details,omitempty"`
		AccountKey       []byte `json:"accountSignatureKey,omitempty"`
		AccountSignature []byte `json:"accountSignature,omitempty"`
		DeviceSignature  []byte `json:"deviceSignature,omitempty"`
	}{d.Details, d.AccountKey, d.AccountSignature, d.DeviceSignature}
	s.SignedPreKey = preKey{ID: d.SignedID, Pair: pairOf(d.SignedPreKey, true), Signature: d.Signature, Uploaded: true}
	for _, k := range a.PreKeys {
		s.PreKeys = append(s.PreKeys, pair[uint32, preKey]{k.ID, preKey{ID: k.ID, Pair: pairOf(k.Private, true), Uploaded: k.Uploaded}})
	}
	for _, i := range a.Identities {
		typed, _ := ratchet.Typed(i.Key)
		s.SignalIdentities = append(s.SignalIdentities, pair[string, []byte]{addressOf(i.Address).key(), typed})
	}
	s.signal(a, r)
	s.appState(a)
	s.people(a)
	for what, n := range map[string]int{"chatSettings": len(a.Chats), "receivedBuffer": len(a.Received), "sentBuffer": len(a.Sent)} {
		if n > 0 {
			r.Lose(what, n, "the form has no place for them")
		}
	}
	return s
}

func (s *snapshot) signal(a *moving.Account, r *moving.Report) {
	for _, from := range a.Sessions {
		record, err := ratchet.ParseSession(from.Record)
		if err != nil {
			r.Lose("sessions", 1, "records that whatsmeow itself could not read")
			continue
		}
		e := session{Address: addressOf(from.Address)}
		e.Record.Proto = record.Proto()
		s.Sessions = append(s.Sessions, pair[string, session]{e.Address.key(), e})
	}
	for _, from := range a.SenderKeys {
		record, err := ratchet.ParseSenderKey(from.Record)
		if err != nil {
			r.Lose("senderKeys", 1, "records that whatsmeow itself could not read")
			continue
		}
		var e sender
		e.Of.Group, e.Of.Sender, e.Record.Proto = from.Group, addressOf(from.Sender), record.Proto()
		s.SenderKeys = append(s.SenderKeys, pair[string, sender]{from.Group + "//" + e.Of.Sender.key(), e})
	}
}

func (s *snapshot) appState(a *moving.Account) {
	for _, k := range a.SyncKeys {
		f, _ := moving.ParseFingerprint(k.Fingerprint)
		s.SyncKeys = append(s.SyncKeys, pair[string, syncKey]{base64.StdEncoding.EncodeToString(k.ID), syncKey{
			ID: k.ID, Data: k.Data, Timestamp: k.Timestamp, Fingerprint: &fingerprint{f.RawID, f.CurrentIndex, f.DeviceIndexes},
		}})
	}
	for _, c := range a.Collections {
		v := version{Collection: c.Name, Version: c.Version, Hash: c.Hash, Values: []pair[string, []byte]{}}
		at := map[string]int{}
		latest := map[string]uint64{}
		for _, m := range c.Macs {
			index := base64.StdEncoding.EncodeToString(m.Index)
			if i, there := at[index]; !there {
				at[index] = len(v.Values)
				v.Values = append(v.Values, pair[string, []byte]{index, m.Value})
			} else if m.Version >= latest[index] {
				v.Values[i].value = m.Value
			}
			latest[index] = max(latest[index], m.Version)
		}
		s.Versions = append(s.Versions, pair[string, version]{c.Name, v})
	}
}

func (s *snapshot) people(a *moving.Account) {
	for _, t := range a.Tokens {
		to := token{JID: t.JID, Token: t.Token, Timestamp: t.Timestamp * 1000, Salt: a.Salt}
		if t.Sent != nil {
			ms := *t.Sent * 1000
			to.Sent = &ms
		}
		s.Tokens = append(s.Tokens, pair[string, token]{t.JID, to})
	}
	lids := map[string]string{}
	for _, p := range a.Pairs {
		lids[p.PN+"@s.whatsapp.net"] = p.LID + "@lid"
	}
	for _, c := range a.Contacts {
		s.Contacts = append(s.Contacts, pair[string, contact]{c.JID, contact{
			JID: c.JID, Display: cmp.Or(c.FullName, c.FirstName), Push: c.PushName, Verified: c.BusinessName, LID: lids[c.JID],
		}})
		delete(lids, c.JID)
	}
	for _, p := range a.Pairs { // of people who are no contacts
		if jid := p.PN + "@s.whatsapp.net"; lids[jid] != "" {
			s.Contacts = append(s.Contacts, pair[string, contact]{jid, contact{JID: jid, LID: lids[jid]}})
		}
	}
	for _, m := range a.Secrets {
		s.Secrets = append(s.Secrets, pair[string, secret]{m.ID, secret{ID: m.ID, Sender: m.Sender, Chat: m.Chat, Secret: m.Key}})
	}
}
