package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	keySize = 32
	idSize  = 8
	// MaxKeys is how many keys a ring may hold. All of them travel to workers in
	// a document of one page.
	MaxKeys = 4

	firstLine = "whatsapp-manager secret key, version 1"
	label     = "whatsapp-manager/seal/v1/" // of everything that is derived
)

// Key is one key with the id of the master key that it is, or is derived from.
type Key struct {
	ID     string // 16 hex digits
	Secret []byte // 32 bytes
}

// Ring is a list of keys. It is never changed and safe for concurrent use.
type Ring struct{ keys []Key }

// NewRing returns a ring with one new master key.
func NewRing() *Ring { return &Ring{[]Key{newKey()}} }

func newKey() Key {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // crypto/rand does not fail
	return Key{ID: idOf(secret), Secret: secret}
}

// idOf is derived, so that a key in a file cannot have the id of another.
func idOf(secret []byte) string { return hex.EncodeToString(derive(secret, "id", idSize)) }

func derive(secret []byte, what string, size int) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label+what, size)
	if err != nil {
		panic(err) // of the size only, which is ours
	}
	return key
}

// FromKeys returns a ring of keys that Keys returned elsewhere.
func FromKeys(keys []Key) (*Ring, error) {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("%d keys, where 1 to %d belong", len(keys), MaxKeys)
	}
	for i, k := range keys {
		if raw, err := hex.DecodeString(k.ID); err != nil || len(raw) != idSize || len(k.Secret) != keySize {
			return nil, fmt.Errorf("key %d is none", i+1)
		}
		for _, earlier := range keys[:i] {
			if earlier.ID == k.ID {
				return nil, fmt.Errorf("key %d is there twice", i+1)
			}
		}
	}
	return &Ring{keys}, nil
}

// Keys returns the ring's keys, the one that seals first. They must not be changed.
func (r *Ring) Keys() []Key { return r.keys }

// ID is that of the key that seals.
func (r *Ring) ID() string { return r.keys[0].ID }

// Has reports whether the ring holds the key.
func (r *Ring) Has(id string) bool {
	for _, k := range r.keys {
		if k.ID == id {
			return true
		}
	}
	return false
}

// Instance derives the keys of an instance.
func (r *Ring) Instance(id string) *Ring {
	derived := make([]Key, len(r.keys))
	for i, k := range r.keys {
		derived[i] = Key{ID: k.ID, Secret: derive(k.Secret, "instance/"+id, keySize)}
	}
	return &Ring{derived}
}

// Rotated returns the ring with a new master key in front, which seals from now
// on. The error says that the ring is full.
func (r *Ring) Rotated() (*Ring, error) {
	if len(r.keys) >= MaxKeys {
		return nil, fmt.Errorf("there are %d keys already; remove those that nothing is sealed with any more", len(r.keys))
	}
	return &Ring{append([]Key{newKey()}, r.keys...)}, nil
}

// Only returns the ring without the keys that keep returns false for. The one
// that seals always stays.
func (r *Ring) Only(keep func(id string) bool) *Ring {
	kept := []Key{r.keys[0]}
	for _, k := range r.keys[1:] {
		if keep(k.ID) {
			kept = append(kept, k)
		}
	}
	return &Ring{kept}
}

// Text writes master keys as a file that Parse reads.
func (r *Ring) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, firstLine)
	fmt.Fprintln(&b, "# Without this file nobody reads the secrets in the database: not an attacker with a copy of it, and not you.")
	fmt.Fprintln(&b, "# Keep a copy, and keep it away from the backups of the database. The first key seals, all of them open.")
	for _, k := range r.keys {
		fmt.Fprintf(&b, "%s %s\n", k.ID, base64.StdEncoding.EncodeToString(k.Secret))
	}
	return b.Bytes()
}

// Parse reads what Text wrote. Its errors quote nothing of the text.
func Parse(text []byte) (*Ring, error) {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if strings.TrimSpace(lines[0]) != firstLine {
		return nil, errors.New("its first line is not that of a secret key file of version 1")
	}
	var keys []Key
	for i, line := range lines[1:] {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, encoded, _ := strings.Cut(line, " ")
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil || len(secret) != keySize {
			return nil, fmt.Errorf("line %d is not a key", i+2)
		}
		if idOf(secret) != id {
			return nil, fmt.Errorf("line %d is damaged: the key is not the one that its id names", i+2)
		}
		keys = append(keys, Key{ID: id, Secret: secret})
	}
	return FromKeys(keys)
}
