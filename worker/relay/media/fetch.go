package media

import (
	"bytes"
	"context"
	"encoding/json"
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
	"whatsapp-manager/worker/relay/param"
)

const (
	fetchTime    = 30 * time.Second
	maxRedirects = 5
	fetcherAgent = "whatsapp-manager"
)

// fetcher is a client that asks public addresses and allowed networks only, at
// every redirect anew. A confined worker has no way to most ports: the manager
// connects for it, and judges.
func (f *Files) fetcher() *http.Client {
	dial := f.Dial
	if dial == nil {
		dial = netguard.Dialer(10*time.Second, f.Networks).DialContext
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
func (w *Work) load(ctx context.Context, m *MessageMedia) error {
	switch {
	case m.raw != nil:
		return w.memory.Take(ctx, int64(len(m.raw))*perByteInMemory)
	case m.Upload != "":
		return w.uploaded(ctx, m)
	case m.URL == "":
		return nil
	}
	return w.fetch(ctx, m, m.at+".url")
}

// FromURL fetches a file and returns it as a MessageMedia. Field names the URL in
// errors; a filename, which may be nil, goes before the one that the server says.
func (w *Work) FromURL(ctx context.Context, url string, filename *string, field string) (json.RawMessage, error) {
	m := &MessageMedia{URL: url, Filename: filename}
	if err := w.fetch(ctx, m, field); err != nil {
		return nil, err
	}
	return encode(answer{Mimetype: m.Mimetype, Filename: m.Filename}, bytes.NewReader(m.raw), len(m.raw))
}

// fetch reads the file at m's URL. Field names the URL in errors.
func (w *Work) fetch(ctx context.Context, m *MessageMedia, field string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, nil)
	if err != nil || plainURL(req.URL) != nil {
		return param.Bad(field, "expected an http or https URL without credentials")
	}
	req.Header.Set("User-Agent", fetcherAgent)
	client := w.fetcher()
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, netguard.ErrInternal):
		return param.Bad(field, "%s", netguard.Reason(err))
	case ctx.Err() != nil:
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the file could not be fetched in time")
	case errors.Is(err, egress.ErrAway):
		return &fault.Error{
			Kind: fault.Unavailable, Op: op, RetryAfter: 2 * time.Second, Err: err,
			Msg: "the file cannot be fetched at this moment: the manager is being restarted",
		}
	case errors.Is(err, egress.ErrBusy):
		return &fault.Error{
			Kind: fault.RateLimited, Op: op, RetryAfter: 2 * time.Second, Err: err,
			Msg: "too many files are being fetched",
		}
	case err != nil:
		return notFetched(field, "the file could not be fetched from the URL: "+netguard.Reason(err), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return notFetched(field, fmt.Sprintf("the URL answered %d", resp.StatusCode), nil)
	}
	if resp.ContentLength > MaxFile {
		return tooLarge(field)
	}
	data, err := bounds.ReadAll(ctx, resp.Body, &bounds.Limit{Most: MaxFile, Share: w.memory, Times: perByteInMemory})
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Kind == fault.TooLarge:
		return tooLarge(field)
	case errors.As(err, &refused):
		return err
	case err != nil:
		return notFetched(field, "the file ended before it was whole", err)
	case len(data) == 0:
		return notFetched(field, "the file is empty", nil)
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

func notFetched(field, msg string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: msg, Err: err}
}

func tooLarge(field string) error {
	return &fault.Error{
		Kind: fault.TooLarge, Op: op, Field: field, Msg: fmt.Sprintf("the file is larger than %d bytes", MaxFile),
	}
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
