// Package ident makes the ids of what the API creates, and tells by its form
// whether a text can be one. It asks no database: an id with the right form may
// still name nothing.
package ident

import (
	"crypto/rand"
	"math/big"
	"regexp"
	"strings"
)

var (
	instance = regexp.MustCompile(`^[a-z0-9]{12}$`)
	other    = regexp.MustCompile(`^[a-z0-9]{8,40}$`)
)

// New returns an id of 26 random characters of [a-z2-7].
func New() string { return strings.ToLower(rand.Text()) }

// NewInstance returns an instance's id: twelve random characters of [a-z0-9], 62 bits.
func NewInstance() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 12)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		id[i] = alphabet[n.Int64()]
	}
	return string(id)
}

// IsInstance reports whether the text has the form of an instance's id.
func IsInstance(text string) bool { return instance.MatchString(text) }

// Is reports whether the text has the form of an id.
func Is(text string) bool { return other.MatchString(text) }
