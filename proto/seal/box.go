package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// Why a value does not open.
var (
	ErrOpen    = errors.New("the value is not sealed")
	ErrUnknown = errors.New("the value is sealed with a key that is not at hand")
	ErrChanged = errors.New("the value was changed, or stands where it does not belong")
)

const magic = "wam\x01"

// Overhead is how many bytes longer a sealed value is.
const Overhead = len(magic) + idSize + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// Box seals the values of one purpose. It is safe for concurrent use.
type Box struct{ locks []lock }

type lock struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// Box returns that of a purpose, usually the name of a column.
func (r *Ring) Box(purpose string) *Box {
	b := &Box{make([]lock, len(r.keys))}
	for i, k := range r.keys {
		aead, err := chacha20poly1305.NewX(derive(k.Secret, "box/"+purpose, keySize))
		if err != nil {
			panic(err) // of the key's size only, which is ours
		}
		b.locks[i].aead = aead
		_, _ = hex.Decode(b.locks[i].id[:], []byte(k.ID)) // the ring has checked it
	}
	return b
}

// Seal encrypts a value and binds it to where it stands.
func (b *Box) Seal(value []byte, bind ...string) []byte {
	by := b.locks[0]
	out := make([]byte, 0, len(value)+Overhead)
	out = append(out, magic...)
	out = append(out, by.id[:]...)
	nonce := out[len(out) : len(out)+chacha20poly1305.NonceSizeX]
	_, _ = rand.Read(nonce) // crypto/rand does not fail
	out = out[:len(out)+len(nonce)]
	return by.aead.Seal(out, nonce, value, bound(out[:len(magic)+idSize], bind))
}

// Open is the reverse of Seal. Error: ErrOpen, ErrUnknown, ErrChanged.
func (b *Box) Open(sealed []byte, bind ...string) ([]byte, error) {
	id, ok := idIn(sealed)
	if !ok {
		return nil, ErrOpen
	}
	for _, by := range b.locks {
		if !bytes.Equal(by.id[:], id) {
			continue
		}
		head := len(magic) + idSize
		nonce := sealed[head : head+chacha20poly1305.NonceSizeX]
		value, err := by.aead.Open([]byte{}, nonce, sealed[head+len(nonce):], bound(sealed[:head], bind))
		if err != nil {
			return nil, ErrChanged
		}
		return value, nil
	}
	return nil, fmt.Errorf("%w (%x)", ErrUnknown, id)
}

func (b *Box) newest() string { return hex.EncodeToString(b.locks[0].id[:]) }

// KeyOf returns the id of the key that a value is sealed with; false when it is
// not sealed.
func KeyOf(value []byte) (string, bool) {
	id, ok := idIn(value)
	return hex.EncodeToString(id), ok
}

func idIn(value []byte) ([]byte, bool) {
	if len(value) < Overhead || string(value[:len(magic)]) != magic {
		return nil, false
	}
	return value[len(magic) : len(magic)+idSize], true
}

// bound is what is authenticated beside a value. Lengths keep "ab","c" and
// "a","bc" apart.
func bound(head []byte, bind []string) []byte {
	data := bytes.Clone(head)
	for _, part := range bind {
		data = binary.BigEndian.AppendUint32(data, uint32(len(part)))
		data = append(data, part...)
	}
	return data
}
