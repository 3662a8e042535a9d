package baileys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
)

// Write makes a folder that Baileys opens (useMultiFileAuthState), and notes in the report
// what its form has no place for. The folder must not exist; after an error it may be there
// in part. Only its owner may read it.
func Write(dir string, a *moving.Account, r *moving.Report) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	w := &writer{dir: dir, account: a, report: r}
	for _, part := range []func() error{w.creds, w.preKeys, w.sessions, w.senderKeys, w.appState, w.people} {
		if err := part(); err != nil {
			return err
		}
	}
	for what, n := range map[string]int{
		"contacts": len(a.Contacts), "chatSettings": len(a.Chats), "messageSecrets": len(a.Secrets), "receivedBuffer": len(a.Received), "sentBuffer": len(a.Sent),
	} {
		if n > 0 {
			r.Lose(what, n, "the folder has no place for them")
		}
	}
	return nil
}

type writer struct {
	dir     string
	account *moving.Account
	report  *moving.Report
}

// file writes a value under a name of Baileys', which changes two characters of it.
func (w *writer) file(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write folder: %w", err)
	}
	name = strings.NewReplacer("/", "__", ":", "-").Replace(name) + ".json"
	if err := os.WriteFile(filepath.Join(w.dir, filepath.Base(name)), raw, 0o600); err != nil {
		return fmt.Errorf("write folder: %w", err)
	}
	return nil
}

func pairOf(private [32]byte) keyPair { return keyPair{private[:], ratchet.Public(private)} }

func (w *writer) creds() error {
	d := w.account.Device
	next, unsent := uint32(1), uint32(1)
	for _, k := range w.account.PreKeys {
		next = max(next, k.ID+1)
		if k.Uploaded {
			unsent = max(unsent, k.ID+1)
		}
	}
	var ephemeral [32]byte
	_, _ = rand.Read(ephemeral[:]) // crypto/rand does not fail
	accountKey, _ := ratchet.Typed(d.AccountKey)
	main, _, _ := strings.Cut(d.LID, ":")
	if d.LID == "" {
		main, _, _ = strings.Cut(d.JID, ":")
	}
	c := map[string]any{
		"noiseKey": pairOf(d.Noise), "pairingEphemeralKeyPair": pairOf(ephemeral), "signedIdentityKey": pairOf(d.Identity),
		"signedPreKey":   map[string]any{"keyPair": pairOf(d.SignedPreKey), "signature": blob(d.Signature), "keyId": d.SignedID},
		"registrationId": d.RegistrationID, "advSecretKey": base64.StdEncoding.EncodeToString(d.AdvSecret),
		"processedHistoryMessages": []any{}, "nextPreKeyId": next, "firstUnuploadedPreKeyId": unsent, "accountSyncCounter": 0,
		"accountSettings": map[string]any{"unarchiveChats": false}, "registered": true, "platform": d.Platform,
		"me": map[string]any{"id": d.JID, "lid": d.LID, "name": d.PushName},
		"account": map[string]any{
			"details": blob(d.Details), "accountSignatureKey": blob(d.AccountKey), "accountSignature": blob(d.AccountSignature), "deviceSignature": blob(d.DeviceSignature),
		},
		"signalIdentities": []any{map[string]any{"identifier": map[string]any{"name": main, "deviceId": 0}, "identifierKey": blob(accountKey)}},
	}
	newest := int64(-1)
	for _, k := range w.account.SyncKeys {
		if k.Timestamp >= newest {
			newest, c["myAppStateKeyId"] = k.Timestamp, base64.StdEncoding.EncodeToString(k.ID)
		}
	}
	return w.file("creds", c)
}

func (w *writer) preKeys() error {
	for _, k := range w.account.PreKeys {
		if err := w.file("pre-key-"+strconv.FormatUint(uint64(k.ID), 10), pairOf(k.Private)); err != nil {
			return err
		}
	}
	return nil
}

func dotted(address string) string { return strings.Replace(address, ":", ".", 1) }

func (w *writer) sessions() error {
	for _, s := range w.account.Sessions {
		record, err := ratchet.ParseSession(s.Record)
		if err != nil {
			w.report.Lose("sessions", 1, "records that whatsmeow itself could not read")
			continue
		}
		to, lost := fromRatchet(record)
		if lost > 0 {
			w.report.Lose("skippedMessageKeys", lost, "messages that came out of order are asked for again")
		}
		if err := w.file("session-"+dotted(s.Address), to); err != nil {
			return err
		}
	}
	for _, i := range w.account.Identities {
		key, _ := ratchet.Typed(i.Key)
		if err := w.file("identity-key-"+dotted(i.Address), blob(key)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) senderKeys() error {
	for _, s := range w.account.SenderKeys {
		record, err := ratchet.ParseSenderKey(s.Record)
		if err != nil {
			w.report.Lose("senderKeys", 1, "records that whatsmeow itself could not read")
			continue
		}
		raw, lost, err := fromSenderKey(record)
		if err != nil {
			return fmt.Errorf("write folder: %w", err)
		}
		if lost > 0 {
			w.report.Lose("skippedMessageKeys", lost, "messages that came out of order are asked for again")
		}
		user, device, _ := strings.Cut(s.Sender, ":")
		if err := w.file("sender-key-"+s.Group+"::"+user+"::"+device, blob(raw)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) appState() error {
	for _, k := range w.account.SyncKeys {
		f, _ := moving.ParseFingerprint(k.Fingerprint)
		value := map[string]any{
			"keyData": base64.StdEncoding.EncodeToString(k.Data), "timestamp": strconv.FormatInt(k.Timestamp, 10),
			"fingerprint": map[string]any{"rawId": f.RawID, "currentIndex": f.CurrentIndex, "deviceIndexes": f.DeviceIndexes},
		}
		if err := w.file("app-state-sync-key-"+base64.StdEncoding.EncodeToString(k.ID), value); err != nil {
			return err
		}
	}
	for _, c := range w.account.Collections {
		values := map[string]any{}
		latest := map[string]uint64{}
		for _, m := range c.Macs {
			index := base64.StdEncoding.EncodeToString(m.Index)
			if before, there := latest[index]; there && before > m.Version {
				continue
			}
			latest[index], values[index] = m.Version, map[string]any{"valueMac": blob(bytes.Clone(m.Value))}
		}
		if err := w.file("app-state-sync-version-"+c.Name, map[string]any{"version": c.Version, "hash": blob(c.Hash), "indexValueMap": values}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) people() error {
	for _, p := range w.account.Pairs {
		if err := w.file("lid-mapping-"+p.PN, p.LID); err != nil {
			return err
		}
		if err := w.file("lid-mapping-"+p.LID+"_reverse", p.PN); err != nil {
			return err
		}
	}
	for _, t := range w.account.Tokens {
		if err := w.file("tctoken-"+t.JID, map[string]any{"token": blob(t.Token), "timestamp": strconv.FormatInt(t.Timestamp, 10)}); err != nil {
			return err
		}
	}
	return nil
}
