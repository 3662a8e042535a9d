package composetest

import (
	"encoding/json"
	"testing"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/compose"
)

// Message sends a message, the protojson of a waE2E.Message, in the envelope that the JSON of
// a compose.Envelope describes; "" is the one of the server. A request that fails ends the test.
func Message(t testing.TB, s *wasim.Server, from, to, message, envelope string) compose.Sent {
	t.Helper()
	sent, err := Try(t, s, from, to, message, envelope)
	if err != nil {
		t.Fatalf("message from %s to %s: %v", from, to, err)
	}
	return sent
}

// Try is Message for a request that may fail.
func Try(t testing.TB, s *wasim.Server, from, to, message, envelope string) (compose.Sent, error) {
	t.Helper()
	request := compose.Request{From: from, To: to, Message: json.RawMessage(message)}
	if envelope != "" {
		if err := json.Unmarshal([]byte(envelope), &request.Envelope); err != nil {
			t.Fatalf("envelope: %v", err)
		}
	}
	return compose.Send(t.Context(), s, request)
}

// Media puts a file on the media host; the answer are the fields of a media message, as the text
// of a JSON object.
func Media(t testing.TB, s *wasim.Server, kind, mimetype string, plain bool, file []byte) string {
	t.Helper()
	fields, err := compose.Upload(s, kind, mimetype, plain, file)
	if err != nil {
		t.Fatalf("upload: %v", err)
	}
	return string(fields)
}

// Seal returns a message with a sealed part, as the text of a JSON object.
func Seal(t testing.TB, sealing compose.Sealing) string {
	t.Helper()
	message, err := compose.Seal(sealing)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return string(message)
}
