package sends

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// NewSend returns the record of a send that begins now, with its message id.
func NewSend(instance supervisor.ID, method string, params json.RawMessage, key string) store.Send {
	return store.Send{
		Instance: instance, Key: key, Method: method, Digest: digest(method, params), MessageID: messageID(string(instance), method, key),
		State: store.SendRunning, CreatedAt: now(),
	}
}

// digest tells two requests with the same key apart. Spaces between JSON tokens do
// not count.
func digest(method string, params json.RawMessage) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, params) != nil {
		compact.Reset()
		compact.Write(params)
	}
	h := sha256.New()
	h.Write([]byte(method + "\x00"))
	h.Write(compact.Bytes())
	return h.Sum(nil)
}

// messageID derives the WhatsApp id of a send from its key, in the form in which
// whatsmeow makes its own ids (3EB0 and 18 hex digits). So a repeated request is
// the same message for the worker and for WhatsApp.
func messageID(instance, method, key string) string {
	sum := sha256.Sum256([]byte(instance + "\x00" + method + "\x00" + key))
	return "3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}
