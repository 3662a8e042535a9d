package media

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"whatsapp-manager/worker/shape"
)

const (
	maxPage            = 512 << 10
	maxPagePicture     = 4 << 20
	maxPages           = 4 // at a time
	pageTime           = 30 * time.Second
	maxPageTitle       = 300
	maxPageDescription = 1000
)

// A page names itself in one of these; the first that it has counts.
var (
	titleNames       = []string{"og:title", "twitter:title", "title"}
	descriptionNames = []string{"og:description", "twitter:description", "description"}
	pictureNames     = []string{"og:image:secure_url", "og:image", "og:image:url", "twitter:image"}
)

// Page is what a web page says about itself.
type Page struct {
	Title, Description string
	JPEG               []byte // a small picture; nil when the page has none
}

// Page reads a web page. Only a few pages are read at a time, since each is in
// memory with its picture; a call waits for the others.
func (f *Files) Page(ctx context.Context, at *url.URL) (Page, error) {
	select {
	case f.pages <- struct{}{}:
		defer func() { <-f.pages }()
	case <-ctx.Done():
		return Page{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	client := f.fetcher()
	said, err := readPage(ctx, client, at)
	if err != nil || said.title == "" {
		return Page{}, err
	}
	p := Page{Title: said.title, Description: said.description}
	if said.picture != nil {
		if data, _, err := get(ctx, client, said.picture, "image/", maxPagePicture); err == nil {
			if preview, err := f.Decoder.Thumbnail(ctx, data); err == nil {
				p.JPEG = preview.JPEG
			}
		}
	}
	return p, nil
}

// IsWebURL tells whether a URL is one of http or https, without credentials.
func IsWebURL(u *url.URL) bool { return plainURL(u) == nil }

// page is what a web page says, as it is read.
type page struct {
	title, description string
	picture            *url.URL
}

func readPage(ctx context.Context, client *http.Client, at *url.URL) (page, error) {
	data, resp, err := get(ctx, client, at, "text/html", maxPage)
	if err != nil {
		return page{}, err
	}
	text, err := charset.NewReader(bytes.NewReader(data), resp.Header.Get("Content-Type"))
	if err != nil {
		return page{}, fmt.Errorf("charset of the page: %w", err)
	}
	said := metaOf(text)
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
	p := page{title: first(titleNames, maxPageTitle), description: first(descriptionNames, maxPageDescription)}
	picture, err := resp.Request.URL.Parse(first(pictureNames, 8192))
	if err == nil && picture.String() != resp.Request.URL.String() && IsWebURL(picture) {
		p.picture = picture
	}
	return p, nil
}

// get reads at most limit bytes of an answer of the kind, and drops the rest.
func get(
	ctx context.Context, client *http.Client, at *url.URL, kind string, limit int64,
) ([]byte, *http.Response, error) {
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

// metaOf collects the title and the meta elements of a page's head.
func metaOf(r io.Reader) map[string]string {
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
