package relay

import (
	"encoding/json"
	"reflect"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// kind is a type of parameter: its name in the catalog and how it is read.
// The functions of the rows get what read returns, so they need not check.
type kind struct {
	label string
	read  func(raw json.RawMessage, path string) (any, error)
}

func isNull(raw json.RawMessage) bool { return value.IsNull(raw) }

func bad(path, format string, args ...any) error { return fault.Bad(op, path, format, args...) }

var (
	kindChatID = kind{"jid", readChatID}      // types.JID
	kindPhone  = kind{"string", readPhone}    // types.JID, from digits or an id
	kindMsgID  = kind{"messageId", readMsgID} // shape.MessageID
)

// kindObject is an object read into a struct; fields it does not know are
// ignored, as JavaScript does.
func kindObject[T any](label string, check func(*T, string) error) kind {
	return kind{label, func(raw json.RawMessage, path string) (any, error) {
		var v T
		if err := (value.Decoder{Lenient: true}).Into(raw, reflect.ValueOf(&v).Elem(), path); err != nil {
			return nil, err
		}
		if value.IsNull(raw) {
			return nil, bad(path, "expected an object, got null")
		}
		if check != nil {
			if err := check(&v, path); err != nil {
				return nil, err
			}
		}
		return v, nil
	}}
}

// readChatID reads the id of anything that can be a chat.
func readChatID(raw json.RawMessage, path string) (any, error) {
	jid, err := value.JID(raw, path)
	if err != nil {
		return nil, err
	}
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer, types.NewsletterServer,
		types.BroadcastServer, types.BotServer:
		return jid.ToNonAD(), nil
	}
	return nil, bad(path, "expected the id of a chat, like 4915123456789@c.us or 120363000000000000@g.us")
}

func readUserID(raw json.RawMessage, path string) (any, error) {
	jid, err := value.JID(raw, path)
	if err != nil {
		return nil, err
	}
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
		return jid.ToNonAD(), nil
	}
	return nil, bad(path, "expected the id of a person, like 4915123456789@c.us")
}

// readPhone reads a phone number in international form, as people write it, or
// the id of a person.
func readPhone(raw json.RawMessage, path string) (any, error) {
	text, err := value.Text(raw, path)
	if err != nil {
		return nil, bad(path, "expected a phone number or an id, got %s", value.Kind(raw))
	}
	if strings.Contains(text, "@") {
		return readUserID(json.RawMessage(quote(text)), path)
	}
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(strings.TrimPrefix(strings.TrimSpace(text), "+"))
	if len(digits) < 5 || len(digits) > 20 || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' {
		return nil, bad(path, "expected a phone number with country code, like 4915123456789, or an id like 4915123456789@c.us")
	}
	return types.NewJID(digits, types.DefaultUserServer), nil
}

func readMsgID(raw json.RawMessage, path string) (any, error) {
	text, err := value.Text(raw, path)
	if err != nil {
		return nil, bad(path, "expected a message id, got %s", value.Kind(raw))
	}
	return parseMsgID(text, path)
}

func parseMsgID(text, path string) (shape.MessageID, error) {
	id, err := shape.ParseMessageID(text)
	if err != nil || len(text) > 300 || strings.IndexByte(text, 0) >= 0 {
		return shape.MessageID{}, bad(path, "expected a message id like true_4915123456789@c.us_3EB0C431C26A1916E07E")
	}
	if _, err := value.ParseJID(id.Remote); err != nil {
		return shape.MessageID{}, bad(path, "expected a message id whose second part is the id of a chat")
	}
	return id, nil
}

func quote(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}
