package content

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
)

// KindText is text that is not empty; its value is a string.
var KindText = param.Kind{Label: "string", Read: readText}

// maxText is the longest text that WhatsApp's own clients send, in characters.
const maxText = 65536

// Kind is MessageContent; its value is a Content.
var Kind = param.Kind{Label: "string|object|array", Read: readContent}

func readContent(raw json.RawMessage, path string) (any, error) {
	switch value.Kind(raw) {
	case "string":
		t, err := readText(raw, path)
		if err != nil {
			return nil, err
		}
		return Text(t.(string)), nil
	case "object", "array":
		return readTagged(raw, path)
	}
	return nil, param.Bad(path, "expected text or a tagged object, got %s", value.Kind(raw))
}

func readText(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	switch {
	case err != nil:
		return nil, err
	case strings.TrimSpace(text) == "":
		return nil, param.Bad(path, "expected text that is not empty")
	case utf8.RuneCountInString(text) > maxText:
		return nil, param.Bad(path, "expected at most %d characters", maxText)
	}
	return text, nil
}

// notSent is the error for content that whatsapp-web.js knows and this build does not send.
func notSent(path, what string) error {
	return fault.New(fault.Unimplemented, relay.Op, "%s: this build does not send %s", path, what)
}

// contentName names a kind of content by its tag or, since older callers leave the
// tag out, by its fields.
func contentName(raw json.RawMessage) string {
	switch tag := value.TypeTag(raw); tag {
	case "MessageMedia", "Location", "Poll", "ScheduledEvent", "Contact", "Buttons", "List":
		return tag
	}
	var people struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &people) == nil && value.Kind(people.ID) == "object" {
		return "Contact"
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return "this object"
	}
	for _, known := range []struct{ field, name string }{
		{"mimetype", "MessageMedia"},
		{"latitude", "Location"},
		{"pollName", "Poll"},
		{"startTimeTs", "ScheduledEvent"},
		{"buttons", "Buttons"},
		{"sections", "List"},
		{"url", "MessageMedia"},
		{"data", "MessageMedia"},
		{"upload", "MessageMedia"},
	} {
		if _, ok := fields[known.field]; ok {
			return known.name
		}
	}
	return "this object"
}
