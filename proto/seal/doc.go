// Package seal encrypts the values that a copy of the database must not give
// away: secrets of the installation, of webhooks, and the keys of WhatsApp
// devices. It does no I/O: where keys are kept is its callers' business.
//
// # Keys
//
// A Ring holds master keys: the first seals, all of them open. From a master
// key others are derived with HKDF-SHA256: one for each purpose, so that a value
// of one kind never opens as one of another, and one for each instance. A worker
// is given the latter only: it opens nothing of another instance.
//
// # Values
//
// A sealed value is
//
//	"wam" 0x01 | id of the master key, 8 bytes | nonce, 24 bytes | XChaCha20-Poly1305
//
// and is authenticated together with what it is bound to: the row and column it
// stands in, as far as those stay. A value that was put elsewhere does not open.
//
// One value has no room for that: whatsmeow's table of one-time pre keys checks
// that a key has 32 bytes. Those are encrypted with AES-256-XTS, which keeps the
// length. Nobody can tell whether one was changed; the effect would be a pre key
// that fits nothing, as after its deletion.
package seal
