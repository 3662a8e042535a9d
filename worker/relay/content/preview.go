package content

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/value"
)

// previewTime is what a message may wait for its preview.
const previewTime = 4 * time.Second

var linkInText = regexp.MustCompile(`(?i)(?:https?://|www\.)[^\s<>"]+`)

// firstLink returns the first link as it stands in a text, and where it leads.
func firstLink(text string) (matched string, to *url.URL) {
	matched = strings.TrimRight(linkInText.FindString(text), ".,;:!?'*_~)]}»“”")
	address := matched
	if len(address) >= 4 && strings.EqualFold(address[:4], "www.") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || !media.IsWebURL(u) {
		return "", nil
	}
	return matched, u
}

// Preview shows below a text what its first link leads to, as phones and
// whatsapp-web.js do. Without a link, or when the page cannot be had in time,
// the message stays as it is: the text matters more.
func Preview(ctx context.Context, c *relay.Call, text string, msg *waE2E.Message) *waE2E.Message {
	matched, to := firstLink(text)
	if to == nil || msg.ContactMessage != nil {
		return msg
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	page, err := c.Media.Page(ctx, to)
	if err != nil || page.Title == "" {
		c.Log.Debug().Bool("read", err == nil).Msg("link without preview")
		return msg
	}
	shown := msg.GetExtendedTextMessage()
	if shown == nil {
		shown = &waE2E.ExtendedTextMessage{Text: &text}
	}
	shown.MatchedText, shown.Title, shown.Description = &matched, &page.Title, value.OrNil(page.Description)
	shown.PreviewType = waE2E.ExtendedTextMessage_NONE.Enum()
	shown.JPEGThumbnail = page.JPEG
	return &waE2E.Message{ExtendedTextMessage: shown}
}
