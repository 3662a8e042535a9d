package relay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"whatsapp-manager/worker/shape"
)

const (
	// previewTime is what a message may wait for its preview.
	previewTime        = 4 * time.Second
	maxPreviewPage     = 512 << 10
	maxPreviewPicture  = 4 << 20
	maxPreviews        = 4 // at a time
	maxPreviewTitle    = 300
	maxPreviewSentence = 1000
)

// A page with little to say names itself in one of these, the first that it has counts.
var (
	titleNames       = []string{"og:title", "twitter:title", "title"}
	descriptionNames = []string{"og:description", "twitter:description", "description"}
	pictureNames     = []string{"og:image:secure_url", "og:image", "og:image:url", "twitter:image"}
)

var linkInText = regexp.MustCompile(`(?i)(?:https?://|www\.)[^\s<>"]+`)

// firstLink returns the first link as it stands in a text, and where it leads.
func firstLink(text string) (matched string, to *url.URL) {
	matched = strings.TrimRight(linkInText.FindString(text), ".,;:!?'*_~)]}»“”")
	address := matched
	if len(address) >= 4 && strings.EqualFold(address[:4], "www.") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || plainURL(u) != nil {
		return "", nil
	}
	return matched, u
}

// preview shows below a text what its first link leads to, as phones and
// whatsapp-web.js do. Without a link, or when the page cannot be had in time,
// the message stays as it is: the text matters more.
func (c *call) preview(ctx context.Context, text string, msg *waE2E.Message) *waE2E.Message {
	matched, to := firstLink(text)
	if to == nil || msg.ContactMessage != nil {
		return msg
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	// A few pages and pictures of strangers are in memory at a time.
	select {
	case c.looking <- struct{}{}:
		defer func() { <-c.looking }()
	case <-ctx.Done():
		return msg
	}
	client := c.fetcher()
	page, err := readPage(ctx, client, to)
	if err != nil || page.title == "" {
		c.Log.Debug().Bool("read", err == nil).Msg("link without preview")
		return msg
	}
	shown := msg.GetExtendedTextMessage()
	if shown == nil {
		shown = &waE2E.ExtendedTextMessage{Text: &text}
	}
	shown.MatchedText, shown.Title, shown.Description = &matched, &page.title, orNil(page.description)
	shown.PreviewType = waE2E.ExtendedTextMessage_NONE.Enum()
	if page.picture != nil {
		if data, _, err := get(ctx, client, page.picture, "image/", maxPreviewPicture); err == nil {
			if preview, err := c.Decoder.Thumbnail(ctx, data); err == nil {
				shown.JPEGThumbnail = preview.JPEG
			}
		}
	}
	return &waE2E.Message{ExtendedTextMessage: shown}
}

// page is what a web page says about itself.
type page struct {
	title, description string
	picture            *url.URL
}

func readPage(ctx context.Context, client *http.Client, at *url.URL) (page, error) {
	data, resp, err := get(ctx, client, at, "text/html", maxPreviewPage)
	if err != nil {
		return page{}, err
	}
	text, err := charset.NewReader(bytes.NewReader(data), resp.Header.Get("Content-Type"))
	if err != nil {
		return page{}, fmt.Errorf("charset of the page: %w", err)
	}
	said := sayings(text)
	first := func(names []string, most int) string {
		for _, name := range names {
			if s := strings.Join(strings.Fields(shape.Clean(said[name])), " "); s != "" {
				if runes := []rune(s); len(runes) > most {
					s = string(runes[:most-1]) + "…"
				}
				return s
			}
		}
		return ""
	}
	p := page{title: first(titleNames, maxPreviewTitle), description: first(descriptionNames, maxPreviewSentence)}
	if picture, err := resp.Request.URL.Parse(first(pictureNames, 8192)); err == nil && picture.String() != resp.Request.URL.String() && plainURL(picture) == nil {
		p.picture = picture
	}
	return p, nil
}

// get reads at most limit bytes, the rest is let go.
func get(ctx context.Context, client *http.Client, at *url.URL, kind string, limit int64) ([]byte, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", fetcherAgent)
	req.Header.Set("Accept", kind+"*")
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	is, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(is, kind) {
		return nil, nil, fmt.Errorf("answered %d with %s", resp.StatusCode, is)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	return data, resp, err
}

// sayings collects the title and the meta elements of a page's head.
func sayings(r io.Reader) map[string]string {
	said := map[string]string{}
	tokens := html.NewTokenizer(r)
	inTitle := false
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return said
		case html.TextToken:
			if inTitle {
				said["title"] += string(tokens.Text())
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			switch atom.Lookup(name) {
			case atom.Title:
				inTitle = false
			case atom.Head:
				return said
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			switch token.DataAtom {
			case atom.Body:
				return said
			case atom.Title:
				inTitle = said["title"] == ""
			case atom.Meta:
				var name, content string
				for _, a := range token.Attr {
					switch a.Key {
					case "property", "name":
						name = strings.ToLower(a.Val)
					case "content":
						content = a.Val
					}
				}
				if name != "" && name != "title" && said[name] == "" {
					said[name] = content
				}
			}
		}
	}
}
