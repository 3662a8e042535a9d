package param

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"whatsapp-manager/worker/relay/value"
)

// What the links lead to that people share.
const (
	ToGroup   = "group"   // chat.whatsapp.com/CODE
	ToChannel = "channel" // whatsapp.com/channel/CODE
	ToCall    = "call"    // call.whatsapp.com/video/CODE
	ToPerson  = "person"  // wa.me/NUMBER; the code is the number
	ToMessage = "message" // wa.me/message/CODE, of a business
	ToQR      = "qr"      // wa.me/qr/CODE
	ToName    = "name"    // wa.me/u/USERNAME
)

// wayOut says what to do with a link whose code is no id.
var wayOut = map[string]string{
	ToGroup:   "an invite link of a group; getInviteInfo and acceptInvite say its id",
	ToChannel: "a link to a channel; getChannelByInviteCode says its id",
	ToCall:    "a call link, which opens a call on a phone; calls are not joined from here",
	ToMessage: "a short link of a business; whatsmeow.ResolveBusinessMessageLink says whose it is",
	ToQR:      "the link of a QR code; whatsmeow.ResolveContactQRLink says whose it is",
	ToName:    "a link to a username; getUsernameId says its id",
}

// A link may stand in a text, as the apps share it.
var linkInText = regexp.MustCompile(`(?i)(?:^|[\s("'<])((?:https?://)?(?:www\.|web\.|api\.)?` +
	`(?:chat\.whatsapp\.com|call\.whatsapp\.com|whatsapp\.com|wa\.me)/[^\s<>"']+|whatsapp://[^\s<>"']+)`)

// ParseLink returns what a link of WhatsApp's leads to, and its code, in whatever form
// people share it: with or without scheme, with parameters, a slash at the end, within a
// text. It is false when the text has no such link.
func ParseLink(text string) (to, code string, ok bool) {
	found := linkInText.FindStringSubmatch(text)
	if found == nil {
		return "", "", false
	}
	link := strings.TrimRight(found[1], ".,;:!?)*_~")
	if !strings.Contains(link, "://") {
		link = "https://" + link
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", "", false
	}
	host := strings.ToLower(u.Host)
	for _, before := range []string{"www.", "web.", "api."} {
		host = strings.TrimPrefix(host, before)
	}
	parts := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	if u.Scheme == "whatsapp" { // whatsapp://chat?code=CODE: its host is the first part
		parts, host = append([]string{host}, parts...), "whatsapp.com"
	}
	to, code = target(host, parts, u.Query())
	if to == ToName {
		return to, code, username.MatchString(code)
	}
	return to, code, plainCode.MatchString(code)
}

func target(host string, parts []string, query url.Values) (to, code string) {
	part := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	first := strings.ToLower(part(0))
	switch {
	case host == "chat.whatsapp.com" && first == "invite":
		return ToGroup, part(1)
	case host == "chat.whatsapp.com":
		return ToGroup, part(0)
	case host == "call.whatsapp.com" && (first == "video" || first == "voice"):
		return ToCall, part(1)
	case first == "channel":
		return ToChannel, part(1)
	case first == "accept", first == "chat":
		return ToGroup, query.Get("code")
	case first == "send":
		return ToPerson, digits(query.Get("phone"))
	case host == "wa.me" && first == "c": // the catalog of a business
		return ToPerson, digits(part(1))
	case host == "wa.me" && first == "p": // a product, of whose
		return ToPerson, digits(part(2))
	case host == "wa.me" && first == "u":
		return ToName, part(1)
	case first == "message":
		return ToMessage, part(1)
	case first == "qr":
		return ToQR, part(1)
	case host == "wa.me" && len(parts) == 1:
		return ToPerson, digits(first)
	}
	return "", ""
}

// digits is a number without what people write around it; empty when it is none.
func digits(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "+")
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return ""
	}
	return text
}

var username = regexp.MustCompile(`^[A-Za-z0-9._]{1,64}$`)

var plainCode = regexp.MustCompile(`^[A-Za-z0-9_-]{4,64}$`)

// codeOf is the code of a link to something, or the whole link; its value is the code.
func codeOf(what string) Kind {
	return Kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); plainCode.MatchString(text) {
			return text, nil
		}
		if _, _, ok := ParseLink(text); !ok {
			return nil, Bad(path, "expected the code of an invite link, or the link")
		}
		return CodeOf(what, text, path)
	}}
}

// CodeOf returns the code of a link in any form, and a text that is no link as it is. A link
// to something else is bad input.
func CodeOf(what, text, path string) (string, error) {
	to, code, ok := ParseLink(text)
	switch {
	case !ok:
		return text, nil
	case to != what:
		return "", Bad(path, "expected a link to a %s, and this one leads to a %s", what, to)
	}
	return code, nil
}

// CodeOfLink returns the code of a link in any form, and any other text as it is.
func CodeOfLink(link string) string {
	if _, code, ok := ParseLink(link); ok {
		return code
	}
	return link
}
