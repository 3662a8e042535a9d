package media

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
)

// Kind is what a blob holds. Its value is the HKDF info string that separates the keys of
// one kind from those of another.
type Kind string

// The kinds of encrypted media, spelled as the protocol derives their keys.
const (
	Image    Kind = "WhatsApp Image Keys"
	Video    Kind = "WhatsApp Video Keys"
	Audio    Kind = "WhatsApp Audio Keys"
	Document Kind = "WhatsApp Document Keys"
	History  Kind = "WhatsApp History Keys"
	AppState Kind = "WhatsApp App State Keys"

	StickerPack   Kind = "WhatsApp Sticker Pack Keys"
	LinkThumbnail Kind = "WhatsApp Link Thumbnail Keys"
)

// path is the folder of the kind below /mms/.
func (k Kind) path() string {
	switch k {
	case Image:
		return "image"
	case Video:
		return "video"
	case Audio:
		return "audio"
	case History:
		return "md-msg-hist"
	case AppState:
		return "md-app-state"
	case StickerPack:
		return "sticker-pack"
	case LinkThumbnail:
		return "thumbnail-link"
	default:
		return "document"
	}
}

const macLength = 10

// ErrCorrupt is returned by Decrypt for a body that was not made with the given key and kind.
var ErrCorrupt = errors.New("media body does not match its key")

type keys struct{ iv, cipher, mac []byte }

func expand(mediaKey []byte, kind Kind) keys {
	k := hkdfutil.SHA256(mediaKey, nil, []byte(kind), 112)
	return keys{iv: k[:16], cipher: k[16:48], mac: k[48:80]}
}

func (k keys) sum(ciphertext []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(k.iv)
	h.Write(ciphertext)
	return h.Sum(nil)[:macLength]
}

// Encrypt seals plaintext under a fresh 32-byte media key. The body is the ciphertext
// followed by the first ten bytes of its MAC, as it travels to and from a media host.
func Encrypt(kind Kind, plaintext []byte) (mediaKey, body []byte, err error) {
	mediaKey = make([]byte, 32)
	rand.Read(mediaKey)
	k := expand(mediaKey, kind)
	ciphertext, err := cbcutil.Encrypt(k.cipher, k.iv, plaintext)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt media: %w", err)
	}
	return mediaKey, append(ciphertext, k.sum(ciphertext)...), nil
}

// Decrypt opens a body made by Encrypt or by a client; it fails with ErrCorrupt when the
// MAC does not match.
func Decrypt(kind Kind, mediaKey, body []byte) ([]byte, error) {
	if len(body) <= macLength {
		return nil, fmt.Errorf("decrypt media of %d bytes: %w", len(body), ErrCorrupt)
	}
	k := expand(mediaKey, kind)
	ciphertext, mac := body[:len(body)-macLength], body[len(body)-macLength:]
	if !hmac.Equal(mac, k.sum(ciphertext)) {
		return nil, fmt.Errorf("decrypt media: %w", ErrCorrupt)
	}
	// cbcutil decrypts in place, and the body may still be served to others.
	plaintext, err := cbcutil.Decrypt(k.cipher, k.iv, append([]byte(nil), ciphertext...))
	if err != nil {
		return nil, fmt.Errorf("decrypt media: %w", err)
	}
	return plaintext, nil
}
