package feed

import (
	"crypto/rand"
	"encoding/base64"
)

// secretPrefix marks a signing secret, as Standard Webhooks has it.
const secretPrefix = "whsec_"

func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand does not fail
	return secret
}

func secretText(secret []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}
