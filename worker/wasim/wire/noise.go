package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/curve25519"
)

// pattern names the handshake; being exactly 32 bytes it serves as the first
// hash itself.
const pattern = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

// symmetric is the running state of a Noise handshake: transcript hash,
// chaining key and the current cipher.
type symmetric struct {
	hash    [32]byte
	chain   []byte
	aead    cipher.AEAD
	counter uint32
}

func newSymmetric(prologue []byte) *symmetric {
	s := &symmetric{hash: [32]byte([]byte(pattern)), chain: []byte(pattern)}
	s.mixHash(prologue)
	return s
}

func (s *symmetric) mixHash(data []byte) {
	h := sha256.New()
	h.Write(s.hash[:])
	h.Write(data)
	h.Sum(s.hash[:0])
}

func (s *symmetric) mixDH(private, public []byte) error {
	secret, err := curve25519.X25519(private, public)
	if err != nil {
		return fmt.Errorf("agree on noise key: %w", err)
	}
	chain, key, err := s.derive(secret)
	if err != nil {
		return err
	}
	s.chain, s.counter = chain, 0
	s.aead, err = newGCM(key)
	return err
}

func (s *symmetric) derive(input []byte) (first, second []byte, err error) {
	out, err := hkdf.Key(sha256.New, input, s.chain, "", 64)
	if err != nil {
		return nil, nil, fmt.Errorf("derive noise keys: %w", err)
	}
	return out[:32], out[32:], nil
}

func (s *symmetric) seal(plaintext []byte) []byte {
	nonce := nonce(s.counter)
	s.counter++
	ciphertext := s.aead.Seal(nil, nonce[:], plaintext, s.hash[:])
	s.mixHash(ciphertext)
	return ciphertext
}

func (s *symmetric) open(ciphertext []byte) ([]byte, error) {
	nonce := nonce(s.counter)
	s.counter++
	plaintext, err := s.aead.Open(nil, nonce[:], ciphertext, s.hash[:])
	if err != nil {
		return nil, errors.New("open noise handshake: authentication failed")
	}
	s.mixHash(ciphertext)
	return plaintext, nil
}

// split ends the handshake: the first key decrypts what the client sends, the
// second encrypts what the server sends.
func (s *symmetric) split() (fromClient, toClient cipher.AEAD, err error) {
	first, second, err := s.derive(nil)
	if err != nil {
		return nil, nil, err
	}
	if fromClient, err = newGCM(first); err != nil {
		return nil, nil, err
	}
	toClient, err = newGCM(second)
	return fromClient, toClient, err
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare noise cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare noise cipher: %w", err)
	}
	return aead, nil
}

func nonce(counter uint32) (n [12]byte) {
	binary.BigEndian.PutUint32(n[8:], counter)
	return n
}
