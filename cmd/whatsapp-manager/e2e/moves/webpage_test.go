package moves

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/neutral"
	"whatsapp-manager/supervisor/moving/ratchet"
	"whatsapp-manager/supervisor/moving/sqlstore"
)

type object = map[string]any

// raw is bytes in the file that page.mjs reads.
func raw(b []byte) any {
	if b == nil {
		return nil
	}
	return struct {
		Bytes []byte `json:"bytes"`
	}{b}
}

func rawPair(private [32]byte) object {
	public, _ := ratchet.Typed(ratchet.Public(private))
	return object{"pubKey": raw(public), "privKey": raw(private[:])}
}

// pageOf is an account as a page of WhatsApp Web keeps it.
func pageOf(t *testing.T, a *moving.Account) object {
	t.Helper()
	dotted := func(signal string) string {
		user, device, _ := strings.Cut(signal, ":")
		if lid, is := strings.CutSuffix(user, "_1"); is {
			user = lid + "@lid"
		}
		return user + "." + device
	}
	wid := func(jid string) string { return strings.ReplaceAll(jid, "@s.whatsapp.net", "@c.us") }
	d := a.Device
	identity := rawPair(d.Identity)
	var pre, sessions, identities, senders, keys, versions, actions []any
	for _, k := range a.PreKeys {
		pre = append(pre, object{"keyId": k.ID, "keyPair": rawPair(k.Private)})
	}
	for _, i := range a.Identities {
		identities = append(identities, object{"identifier": dotted(i.Address), "identityKey": raw(i.Key)})
	}
	for _, s := range a.Sessions {
		record, err := ratchet.ParseSession(s.Record)
		must(t, err)
		sessions = append(sessions, object{"address": dotted(s.Address), "session": pageSession(record)})
	}
	for _, s := range a.SenderKeys {
		record, err := ratchet.ParseSenderKey(s.Record)
		must(t, err)
		var states []any
		for _, k := range record.SenderKeyStates {
			states = append(states, object{
				"senderKeyId": k.KeyID, "senderChainKey": object{"iteration": k.SenderChainKey.Iteration, "seed": raw(k.SenderChainKey.ChainKey)},
				"senderSigningKey": object{"public": raw(k.SigningKeyPublic), "private": raw(k.SigningKeyPrivate)}, "senderMessageKeys": []any{},
			})
		}
		senders = append(senders, object{"senderKeyName": s.Group + "::" + dotted(s.Sender), "senderKey": object{"senderKeyStates": states}})
	}
	for _, k := range a.SyncKeys {
		f, _ := moving.ParseFingerprint(k.Fingerprint)
		keys = append(keys, object{"keyId": raw(k.ID), "keyData": raw(k.Data), "timestamp": k.Timestamp, "fingerprint": object{"rawId": f.RawID, "currentIndex": f.CurrentIndex, "deviceIndexes": f.DeviceIndexes}})
	}
	for _, c := range a.Collections {
		versions = append(versions, object{"collection": c.Name, "version": c.Version, "ltHash": raw(c.Hash)})
		for _, m := range c.Macs {
			actions = append(actions, object{"collection": c.Name, "indexMac": raw(m.Index), "valueMac": raw(m.Value)})
		}
	}
	return object{
		"noise":        rawPair(d.Noise),
		"localStorage": object{"last-wid-md": wid(d.JID), "WALid": d.LID, "me-display-name": d.PushName},
		"databases": object{"signal-storage": object{
			"signal-meta-store": []any{
				object{"key": "signal_reg_id", "value": d.RegistrationID},
				object{"key": "signal_static_pubkey", "value": identity["pubKey"]},
				object{"key": "signal_static_privkey", "value": identity["privKey"]},
				object{"key": "adv_signed_identity", "value": object{
					"details": raw(d.Details), "accountSignatureKey": raw(d.AccountKey), "accountSignature": raw(d.AccountSignature), "deviceSignature": raw(d.DeviceSignature),
				}},
			},
			"signed-prekey-store": []any{object{"keyId": d.SignedID, "keyPair": rawPair(d.SignedPreKey), "signature": raw(d.Signature)}},
			"prekey-store":        pre, "identity-store": identities, "session-store": sessions, "senderkey-store": senders,
		}},
		"tables": object{
			"WAWebSchemaSyncKeys": keys, "WAWebSchemaCollectionVersion": versions, "WAWebSchemaSyncActions": actions,
			"WAWebSchemaContact_DO_NOT_USE_DIRECTLY": []any{object{"id": "4915112345678@c.us", "name": "Ada"}},
		},
	}
}

func pageSession(r *ratchet.Session) object {
	s := r.SessionState
	var chains, earlier []any
	for _, c := range s.ReceiverChains {
		chains = append(chains, rawChain(c))
	}
	for _, p := range r.PreviousStates {
		var theirs []any
		for _, c := range p.ReceiverChains {
			theirs = append(theirs, rawChain(c))
		}
		earlier = append(earlier, object{
			"sessionVersion": 3, "localIdentityPublic": raw(p.LocalIdentityPublic), "remoteIdentityPublic": raw(p.RemoteIdentityPublic), "rootKey": raw(p.RootKey),
			"previousCounter": p.PreviousCounter, "senderChain": rawChain(p.SenderChain), "receiverChains": theirs, "aliceBaseKey": raw(p.SenderBaseKey),
		})
	}
	to := object{
		"local": object{"regId": s.LocalRegistrationID, "pubKey": raw(s.LocalIdentityPublic)}, "remote": object{"regId": s.RemoteRegistrationID, "pubKey": raw(s.RemoteIdentityPublic)},
		"rootKey": raw(s.RootKey), "prevSendChainHighestIndex": s.PreviousCounter, "recvChains": chains, "prevSessions": earlier, "aliceBaseKey": raw(s.SenderBaseKey),
		"sendChain": object{
			"ratchetKey":   object{"pubKey": raw(s.SenderChain.SenderRatchetKeyPublic), "privKey": raw(s.SenderChain.SenderRatchetKeyPrivate)},
			"nextMsgIndex": s.SenderChain.ChainKey.Index, "chainKey": raw(s.SenderChain.ChainKey.Key),
		},
		"initialExchangeInfo": nil,
	}
	if p := s.PendingPreKey; p != nil {
		to["initialExchangeInfo"] = object{"remoteOneTimeId": p.PreKeyID.Value, "remoteSignedId": p.SignedPreKeyID, "localOneTimePubKey": raw(p.BaseKey)}
	}
	return to
}

func rawChain(c *ratchet.Chain) object {
	return object{
		"senderRatchetKey": raw(c.SenderRatchetKeyPublic), "senderRatchetKeyPrivate": raw(c.SenderRatchetKeyPrivate),
		"chainKey": object{"index": c.ChainKey.Index, "key": raw(c.ChainKey.Key)}, "messageKeys": []any{},
	}
}

// The script dumps a page that is filled from a simulated account, and an instance goes on
// with the dump. How the real page keeps its data is known from a public description only.
func TestDumpOfAPage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	dir := t.TempDir()
	store := filepath.Join(dir, "store.db")
	before := open(t, store)
	before.pair(owner)
	group, err := sim.CreateGroup("Club", owner, friend)
	must(t, err)
	say(t, friend, owner.PN(), "hello")
	before.got("hello")
	before.send(friend.PN(), "hello friend")
	heard(t, friend, "hello friend")
	say(t, friend, group, "hello club")
	before.got("hello club")
	before.quit()
	friend.Phone().Forget(0)

	account, err := sqlstore.ReadSQLite(t.Context(), store, "")
	must(t, err)
	page, err := json.Marshal(pageOf(t, account))
	must(t, err)
	state, script, dump := filepath.Join(dir, "page.json"), filepath.Join(dir, "dump.js"), filepath.Join(dir, "account.json")
	must(t, os.WriteFile(state, page, 0o600))
	must(t, os.WriteFile(script, []byte(neutral.DumpScript), 0o600))
	node := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "page.mjs"), script, state)
	node.Stderr = os.Stderr
	out, err := node.Output()
	must(t, err)
	must(t, os.WriteFile(dump, out, 0o600))

	in := moveIn(t, s, "wa-store-migrate", dump)
	for kind, want := range map[string]int{
		"preKeys": len(account.PreKeys), "sessions": len(account.Sessions), "senderKeys": len(account.SenderKeys), "appStateKeys": len(account.SyncKeys),
		"appStateVersions": len(account.Collections), "contacts": 1,
	} {
		if in.report.Taken[kind] != want {
			t.Errorf("%s: %d taken, want %d", kind, in.report.Taken[kind], want)
		}
	}
	in.begin(t)
	say(t, friend, owner.PN(), "still here")
	in.got(t, "still here")
	say(t, friend, group, "the same sender key")
	in.got(t, "the same sender key")
	in.send(t, friend.Number()+"@c.us", "as ever")
	heard(t, friend, "as ever")
	nobodyAsked(t, friend)
}
