// Package pgscram makes passwords for roles of Postgres and what Postgres keeps
// of them, so that no password travels in a statement, where a log could
// quote it.
package pgscram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

const (
	secretBytes = 32
	saltBytes   = 16
	// iterations slow down who guesses passwords that people chose. Ours have 256
	// random bits, and a worker that connects often should not pay for 4096.
	iterations = 16
)

// Secret returns a new password of 256 random bits, in letters that need no
// quoting in URLs and files.
func Secret() string {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Verifier returns what CREATE ROLE … PASSWORD takes instead of the password
// itself. It lets nobody log in, but must be as random as Secret's. The
// password must be plain ASCII.
func Verifier(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("make verifier: %w", err)
	}
	sum := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	stored := sha256.Sum256(sum(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(sum(salted, "Server Key"))), nil
}
