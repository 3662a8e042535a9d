package phone

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"go.mau.fi/whatsmeow/appstate/lthash"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// ErrPatch is returned for an app-state patch whose keys or MACs do not fit.
var ErrPatch = errors.New("app-state patch does not verify")

const valueMACLength = 32

// mutationKeys are the five keys that one app-state key expands to.
type mutationKeys struct{ index, value, valueMAC, snapshotMAC, patchMAC []byte }

func expandMutationKeys(data []byte) mutationKeys {
	k := hkdfutil.SHA256(data, nil, []byte("WhatsApp Mutation Keys"), 160)
	return mutationKeys{k[:32], k[32:64], k[64:96], k[96:128], k[128:]}
}

func mac(alg func() hash.Hash, key []byte, parts ...[]byte) []byte {
	h := hmac.New(alg, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func big(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// sealValue encrypts a SyncActionData and appends its value MAC.
func (k mutationKeys) sealValue(
	op waServerSync.SyncdMutation_SyncdOperation, keyID, plaintext []byte,
) ([]byte, error) {
	sealed, err := cbcutil.Encrypt(k.value, nil, plaintext)
	if err != nil {
		return nil, fmt.Errorf("encrypt mutation: %w", err)
	}
	return append(sealed, k.sumValue(op, keyID, sealed)...), nil
}

func (k mutationKeys) sumValue(op waServerSync.SyncdMutation_SyncdOperation, keyID, sealed []byte) []byte {
	return mac(sha512.New, k.valueMAC, []byte{byte(op) + 1}, keyID, sealed, big(uint64(len(keyID)+1)))[:valueMACLength]
}

// change is one mutation in the clear.
type change struct {
	index    string // JSON
	remove   bool
	version  int32
	value    *waSyncAction.SyncActionValue
	valueMAC [valueMACLength]byte
}

// entry is what a collection holds under one index.
type entry struct {
	valueMAC [valueMACLength]byte
	version  int32
	value    []byte // SyncActionValue protobuf
}

// collection is one app-state collection at one version.
type collection struct {
	version uint64
	hash    [128]byte
	entries map[string]entry // by index JSON
	early   map[uint64]*waServerSync.SyncdPatch
}

// advance computes the hash of the collection after some changes, without making them.
func (c *collection) advance(changes []change) [128]byte {
	var added, removed [][]byte
	touched := make(map[string]*change)
	for i := range changes {
		ch := &changes[i]
		if earlier, ok := touched[ch.index]; ok {
			if !earlier.remove {
				removed = append(removed, earlier.valueMAC[:])
			}
		} else if old, ok := c.entries[ch.index]; ok {
			removed = append(removed, old.valueMAC[:])
		}
		if !ch.remove {
			added = append(added, ch.valueMAC[:])
		}
		touched[ch.index] = ch
	}
	hash := c.hash
	lthash.WAPatchIntegrity.SubtractThenAddInPlace(hash[:], removed, added)
	return hash
}

// commit makes the changes that advance computed the hash for.
func (c *collection) commit(changes []change, hash [128]byte) error {
	if c.entries == nil {
		c.entries = make(map[string]entry)
	}
	for _, ch := range changes {
		if ch.remove {
			delete(c.entries, ch.index)
			continue
		}
		value, err := proto.Marshal(ch.value)
		if err != nil {
			return fmt.Errorf("marshal app-state value: %w", err)
		}
		c.entries[ch.index] = entry{ch.valueMAC, ch.version, value}
	}
	c.hash = hash
	c.version++
	return nil
}

// build makes the patch that follows the collection's present version, without a version of
// its own: the server numbers it.
func (c *collection) build(
	name string, keyID []byte, keys mutationKeys, changes []change,
) (*waServerSync.SyncdPatch, error) {
	patch := &waServerSync.SyncdPatch{KeyID: &waServerSync.KeyId{ID: keyID}}
	for i := range changes {
		ch := &changes[i]
		plaintext, err := proto.Marshal(&waSyncAction.SyncActionData{
			Index: []byte(ch.index), Value: ch.value, Padding: []byte{}, Version: proto.Int32(ch.version),
		})
		if err != nil {
			return nil, fmt.Errorf("marshal mutation: %w", err)
		}
		op := waServerSync.SyncdMutation_SET
		if ch.remove {
			op = waServerSync.SyncdMutation_REMOVE
		}
		blob, err := keys.sealValue(op, keyID, plaintext)
		if err != nil {
			return nil, err
		}
		ch.valueMAC = [valueMACLength]byte(blob[len(blob)-valueMACLength:])
		patch.Mutations = append(patch.Mutations, &waServerSync.SyncdMutation{
			Operation: op.Enum(),
			Record: &waServerSync.SyncdRecord{
				Index: &waServerSync.SyncdIndex{Blob: mac(sha256.New, keys.index, []byte(ch.index))},
				Value: &waServerSync.SyncdValue{Blob: blob},
				KeyID: &waServerSync.KeyId{ID: keyID},
			},
		})
	}
	hash := c.advance(changes)
	patch.SnapshotMAC = keys.sumSnapshot(hash, c.version+1, name)
	patch.PatchMAC = keys.sumPatch(patch, c.version+1, name)
	return patch, nil
}

func (k mutationKeys) sumSnapshot(hash [128]byte, version uint64, name string) []byte {
	return mac(sha256.New, k.snapshotMAC, hash[:], big(version), []byte(name))
}

func (k mutationKeys) sumPatch(patch *waServerSync.SyncdPatch, version uint64, name string) []byte {
	parts := [][]byte{patch.GetSnapshotMAC()}
	for _, mutation := range patch.GetMutations() {
		blob := mutation.GetRecord().GetValue().GetBlob()
		parts = append(parts, blob[len(blob)-valueMACLength:])
	}
	return mac(sha256.New, k.patchMAC, append(parts, big(version), []byte(name))...)
}

// read decrypts the mutations of a patch and checks their MACs.
func (k mutationKeys) read(keyID []byte, patch *waServerSync.SyncdPatch) ([]change, error) {
	var changes []change
	for i, mutation := range patch.GetMutations() {
		record := mutation.GetRecord()
		blob := record.GetValue().GetBlob()
		if string(record.GetKeyID().GetID()) != string(keyID) || len(blob) < 16+valueMACLength {
			return nil, fmt.Errorf("mutation %d has another key or no value: %w", i, ErrPatch)
		}
		sealed, valueMAC := blob[:len(blob)-valueMACLength], blob[len(blob)-valueMACLength:]
		if !hmac.Equal(valueMAC, k.sumValue(mutation.GetOperation(), keyID, sealed)) {
			return nil, fmt.Errorf("value MAC of mutation %d: %w", i, ErrPatch)
		}
		plaintext, err := cbcutil.Decrypt(k.value, sealed[:16], append([]byte(nil), sealed[16:]...))
		if err != nil {
			return nil, fmt.Errorf("decrypt mutation %d: %w", i, err)
		}
		var data waSyncAction.SyncActionData
		if err := proto.Unmarshal(plaintext, &data); err != nil {
			return nil, fmt.Errorf("parse mutation %d: %w", i, err)
		}
		if !hmac.Equal(record.GetIndex().GetBlob(), mac(sha256.New, k.index, data.GetIndex())) {
			return nil, fmt.Errorf("index MAC of mutation %d: %w", i, ErrPatch)
		}
		changes = append(changes, change{
			index:    string(data.GetIndex()),
			remove:   mutation.GetOperation() == waServerSync.SyncdMutation_REMOVE,
			version:  data.GetVersion(),
			value:    data.GetValue(),
			valueMAC: [valueMACLength]byte(valueMAC),
		})
	}
	return changes, nil
}

func indexJSON(index ...string) string {
	raw, err := json.Marshal(index)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(raw)
}
