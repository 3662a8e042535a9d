package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"whatsapp-manager/worker/spool"
)

const (
	fetchIdle    = 30 * time.Second // without a byte
	maxRedirects = 5
	fetcherAgent = "whatsapp-manager"
)

// fetcher is a client that asks public addresses and allowed networks only, at
// every redirect anew. A confined worker has no way to most ports: the manager
// connects for it, and judges.
// A transfer that stands still ends.
func (f *Files) fetcher() *http.Client {
	dial := f.Dial
	if dial == nil {
		dial = netguard.Dialer(10*time.Second, f.Networks).DialContext
	}
	return &http.Client{
		Transport: bounds.Transport{Idle: fetchIdle, Next: &http.Transport{
			DialContext: dial, Proxy: nil, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		}},
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

// FromURL fetches a file and returns it as a MessageMedia. Field names the URL in
// errors; a filename, which may be nil, goes before the one that the server says.
func (w *Work) FromURL(ctx context.Context, url string, filename *string, field string) (json.RawMessage, error) {
	m := &MessageMedia{URL: url, Filename: filename}
	if err := w.fetch(ctx, m, field, maxInMemory); err != nil {
		return nil, err
	}
	if err := w.memory.Take(ctx, m.file.Size()*perByteEncoded); err != nil {
		return nil, err
	}
	return encode(answer{Mimetype: m.Mimetype, Filename: m.Filename}, reader(m.file), int(m.file.Size()))
}

// fetch reads the file at m's URL into the spool. Field names the URL in errors.
func (w *Work) fetch(ctx context.Context, m *MessageMedia, field string, most int64) error {
	ctx = bounds.With(ctx, &bounds.Limit{Most: most})
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
	case errors.Is(err, bounds.ErrStalled):
		return notFetched(field, "the file could not be fetched from the URL: no answer in time", err)
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
	if resp.ContentLength > 0 {
		if err = w.Spool.Room(resp.ContentLength); err != nil {
			return err
		}
	}
	file, err := w.Spool.Pass(most, func(f *spool.File) error {
		_, err := io.Copy(f, resp.Body)
		return err
	})
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Kind == fault.TooLarge:
		return tooLarge(field, most)
	case errors.Is(err, bounds.ErrStalled):
		return notFetched(field, "the file stopped coming", err)
	case errors.As(err, &refused):
		return err
	case ctx.Err() != nil:
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the file could not be fetched in time")
	case err != nil:
		return notFetched(field, "the file ended before it was whole", err)
	}
	w.open = append(w.open, file)
	if file.Size() == 0 {
		return notFetched(field, "the file is empty", nil)
	}
	m.file = file
	if m.Mimetype == "" {
		start, err := head(file)
		if err != nil {
			return err
		}
		m.Mimetype = mimetypeOf(resp.Header.Get("Content-Type"), req.URL.Path, start)
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

func tooLarge(field string, most int64) error {
	return &fault.Error{
		Kind: fault.TooLarge, Op: op, Field: field, Msg: fmt.Sprintf("the file is larger than %d bytes", most),
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
