package relay

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/worker/bounds"
)

const (
	// MaxFile bounds a file that is sent, from wherever it comes; WhatsApp's own
	// limit for most media is lower. It is held in memory.
	MaxFile       = 64 << 20
	fetchTime     = 30 * time.Second
	maxRedirects  = 5
	fetcherAgent  = "whatsapp-manager"
	fieldMediaURL = "url"
)

// fetcher is a client that asks public addresses and allowed networks only, at
// every redirect anew. A confined worker has no way to most ports: the manager
// connects for it, and judges.
func (d *Deps) fetcher() *http.Client {
	dial := d.DialMedia
	if dial == nil {
		dial = netguard.Dialer(10*time.Second, d.MediaNetworks).DialContext
	}
	return &http.Client{
		Timeout: fetchTime,
		Transport: &http.Transport{
			DialContext: dial, Proxy: nil, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return plainURL(req.URL)
		},
	}
}

func plainURL(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return errors.New("expected an http or https URL without credentials")
	}
	return nil
}

// load gets the file of a media that names a URL or an upload.
func (m *messageMedia) load(ctx context.Context, c *call) error {
	switch {
	case m.raw != nil:
		return c.memory.Take(ctx, int64(len(m.raw))*perByteInMemory)
	case m.Upload != "":
		return m.uploaded(ctx, c)
	case m.URL == "":
		return nil
	}
	return m.fetch(ctx, c, m.at+"."+fieldMediaURL)
}

// fetch reads the URL. field names it in errors.
func (m *messageMedia) fetch(ctx context.Context, c *call, field string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, nil)
	if err != nil || plainURL(req.URL) != nil {
		return bad(field, "expected an http or https URL without credentials")
	}
	req.Header.Set("User-Agent", fetcherAgent)
	client := c.fetcher()
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, netguard.ErrInternal):
		return bad(field, "%s", netguard.Reason(err))
	case ctx.Err() != nil:
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the file could not be fetched in time")
	case errors.Is(err, egress.ErrAway):
		return &fault.Error{Kind: fault.Unavailable, Op: op, Msg: "the file cannot be fetched at this moment: the manager is being restarted", RetryAfter: 2 * time.Second, Err: err}
	case errors.Is(err, egress.ErrBusy):
		return &fault.Error{Kind: fault.RateLimited, Op: op, Msg: "too many files are being fetched", RetryAfter: 2 * time.Second, Err: err}
	case err != nil:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: "the file could not be fetched from the URL: " + netguard.Reason(err), Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: fmt.Sprintf("the URL answered %d", resp.StatusCode)}
	}
	if resp.ContentLength > MaxFile {
		return tooLarge(field)
	}
	data, err := bounds.ReadAll(ctx, resp.Body, &bounds.Limit{Most: MaxFile, Share: c.memory, Times: perByteInMemory})
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Kind == fault.TooLarge:
		return tooLarge(field)
	case errors.As(err, &refused):
		return err
	case err != nil:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: "the file ended before it was whole", Err: err}
	case len(data) == 0:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: "the file is empty"}
	}
	m.raw = data
	if m.Mimetype == "" {
		m.Mimetype = mimetypeOf(resp.Header.Get("Content-Type"), req.URL.Path, data)
	}
	if m.Filename == nil {
		if name := filenameOf(resp.Header.Get("Content-Disposition"), req.URL.Path); name != "" {
			m.Filename = &name
		}
	}
	return nil
}

func tooLarge(field string) error {
	return &fault.Error{Kind: fault.TooLarge, Op: op, Field: field, Msg: fmt.Sprintf("the file is larger than %d bytes", MaxFile)}
}

// mimetypeOf takes the server's word, then the name's, then the bytes'.
func mimetypeOf(header, name string, data []byte) string {
	if kind, _, err := mime.ParseMediaType(header); err == nil && kind != "application/octet-stream" {
		return kind
	}
	if byName := mime.TypeByExtension(path.Ext(name)); byName != "" {
		kind, _, _ := strings.Cut(byName, ";")
		return kind
	}
	kind, _, _ := strings.Cut(http.DetectContentType(data), ";")
	return kind
}

func filenameOf(disposition, urlPath string) string {
	if _, params, err := mime.ParseMediaType(disposition); err == nil && params["filename"] != "" {
		return path.Base(params["filename"])
	}
	if name := path.Base(urlPath); name != "." && name != "/" {
		return name
	}
	return ""
}
