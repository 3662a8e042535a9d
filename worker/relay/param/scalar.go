package param

import (
	"encoding/json"
	"unicode/utf8"

	"whatsapp-manager/worker/relay/value"
)

// Kinds of single values.
var (
	// Bool is true or false.
	Bool = Kind{"boolean", readBool}
	// Number is any number; its value is a float64.
	Number = Kind{"number", func(raw json.RawMessage, path string) (any, error) { return value.Number(raw, path) }}
	// Date is a moment; its value is a time.Time.
	Date = Kind{"Date", func(raw json.RawMessage, path string) (any, error) { return value.Time(raw, path) }}
)

// Kinds of texts; their value is a string.
var (
	// Text is any text.
	Text = Kind{"string", func(raw json.RawMessage, path string) (any, error) { return value.String(raw, path) }}
	// Name is a short text.
	Name = AtMost(256)
	// Description is the description of a group or a channel.
	Description = AtMost(MaxDescription)
	// About is what an account says about itself.
	About = AtMost(139)
	// Title is the name of a group or a channel.
	Title = Kind{"string", readTitle}
	// URL is an address; whether it may be fetched is judged elsewhere.
	URL = Kind{"string", readURL}
	// InviteCode is the code of a group's invite link, or the link in any form; its value is
	// the code.
	InviteCode = codeOf(ToGroup)
	// ChannelCode is the same of a channel.
	ChannelCode = codeOf(ToChannel)
)

// The most characters that WhatsApp's own clients take. Of groups they are the defaults of
// WhatsApp Web's settings group_max_subject and group_description_length.
const (
	MaxTitle       = 100 // of a group, a channel, an event, and an option of a poll
	MaxDescription = 2048
)

func readBool(raw json.RawMessage, path string) (any, error) {
	var on bool
	if err := json.Unmarshal(raw, &on); err != nil {
		return nil, Bad(path, "expected true or false, got %s", value.Kind(raw))
	}
	return on, nil
}

// AtMost is a text of at most so many characters.
func AtMost(characters int) Kind {
	return Kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err == nil && utf8.RuneCountInString(text) > characters {
			err = Bad(path, "is longer than %d characters", characters)
		}
		return text, err
	}}
}

func readTitle(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && (text == "" || utf8.RuneCountInString(text) > MaxTitle) {
		err = Bad(path, "expected a name of 1 to %d characters", MaxTitle)
	}
	return text, err
}

func readURL(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && (text == "" || len(text) > 8192) {
		err = Bad(path, "expected a URL")
	}
	return text, err
}
