package param

import (
	"encoding/json"
	"regexp"
	"strings"

	"go.mau.fi/whatsmeow"

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
	Name = AtMost(256, "256 bytes")
	// Description is a text of some paragraphs.
	Description = AtMost(8192, "8192 bytes")
	// Title is the name of a group or a channel.
	Title = Kind{"string", readTitle}
	// URL is an address; whether it may be fetched is judged elsewhere.
	URL = Kind{"string", readURL}
	// InviteCode is the code of an invite link, or the whole link; its value is the code.
	InviteCode = Kind{"string", readInviteCode}
)

func readBool(raw json.RawMessage, path string) (any, error) {
	var on bool
	if err := json.Unmarshal(raw, &on); err != nil {
		return nil, Bad(path, "expected true or false, got %s", value.Kind(raw))
	}
	return on, nil
}

// AtMost is a text of at most so many bytes; most says that in words.
func AtMost(bytes int, most string) Kind {
	return Kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err == nil && len(text) > bytes {
			err = Bad(path, "is longer than %s", most)
		}
		return text, err
	}}
}

func readTitle(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && (text == "" || len(text) > 400) {
		err = Bad(path, "expected a name of 1 to 100 characters")
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

var plainCode = regexp.MustCompile(`^[A-Za-z0-9_-]{4,64}$`)

func readInviteCode(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err != nil {
		return nil, err
	}
	code := CodeOfLink(text)
	if !plainCode.MatchString(code) {
		return nil, Bad(path, "expected the code of an invite link, or the link")
	}
	return code, nil
}

// CodeOfLink returns the last part of an invite link, and a code as it is.
func CodeOfLink(link string) string {
	for _, prefix := range []string{
		"https://chat.whatsapp.com/invite/", whatsmeow.InviteLinkPrefix,
		whatsmeow.NewsletterLinkPrefix, "https://www.whatsapp.com/channel/",
	} {
		link = strings.TrimPrefix(link, prefix)
	}
	return link
}
