package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	// KeyPrefix opens every API key, so that people, secret scanners and our own log masking know one.
	KeyPrefix = "wam_"
	// RefreshPrefix opens every refresh token.
	RefreshPrefix = "wrt_"
	// LinkPrefix opens every token of a link page.
	LinkPrefix = "lnk_"

	secretLen = 43 // base64url of 256 bits without padding
	shownLen  = len(KeyPrefix) + 6
)

// NewKey returns a fresh API key. It is shown once; only Hash and Shown of it are kept.
func NewKey() string { return KeyPrefix + secret() }

// NewRefresh returns a fresh refresh token; only its Hash is kept.
func NewRefresh() string { return RefreshPrefix + secret() }

// NewLink returns a fresh token of a link page; only its Hash is kept.
func NewLink() string { return LinkPrefix + secret() }

// NewPassword returns a random password for people to type or paste once (130 bit).
func NewPassword() string { return strings.ToLower(rand.Text()) }

// Hash is what the database holds of a key or token: SHA-256, which is enough for
// secrets that are random themselves.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Shown is the part of a key that lists show, to tell keys apart.
func Shown(key string) string {
	if len(key) < shownLen {
		return key[:0]
	}
	return key[:shownLen]
}

// LooksLikeKey reports whether s has the form of an API key, so that nonsense
// costs no look into the database.
func LooksLikeKey(s string) bool { return hasForm(s, KeyPrefix) }

// LooksLikeRefresh reports whether s has the form of a refresh token.
func LooksLikeRefresh(s string) bool { return hasForm(s, RefreshPrefix) }

// LooksLikeLink reports whether s has the form of a link page's token.
func LooksLikeLink(s string) bool { return hasForm(s, LinkPrefix) }

func hasForm(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != secretLen {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func secret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}
