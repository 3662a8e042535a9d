package ratchet

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
)

// keyType stands before public keys of Curve25519.
const keyType = 5

// Derived returns the key of a message from its seed, as Signal derives it.
func Derived(seed []byte, index uint32) *MessageKey {
	key := expanded(seed, "WhisperMessageKeys", 80)
	return &MessageKey{CipherKey: key[:32], MacKey: key[32:64], IV: key[64:], Index: index}
}

// DerivedSender returns the key of a message to a group from its seed.
func DerivedSender(seed []byte, iteration uint32) *SenderMessageKey {
	key := expanded(seed, "WhisperGroup", 48)
	return &SenderMessageKey{Iteration: iteration, IV: key[:16], CipherKey: key[16:], Seed: seed}
}

func expanded(seed []byte, info string, size int) []byte {
	key, err := hkdf.Key(sha256.New, seed, make([]byte, 32), info, size)
	if err != nil {
		panic(err) // of the size only, which is ours
	}
	return key
}

// Public returns the public key of a private one, 32 bytes.
func Public(private [32]byte) []byte {
	key, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		panic(err) // of the size only
	}
	return key.PublicKey().Bytes()
}

// Typed puts the byte of its type before a public key, unless it is there. False when it
// is no key.
func Typed(public []byte) ([]byte, bool) {
	switch {
	case len(public) == 33 && public[0] == keyType:
		return public, true
	case len(public) == 32:
		return append([]byte{keyType}, public...), true
	}
	return nil, false
}

// Bare is the reverse of Typed.
func Bare(public []byte) ([]byte, bool) {
	typed, ok := Typed(public)
	if !ok {
		return nil, false
	}
	return typed[1:], true
}
