package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"whatsapp-manager/proto/fault"
)

const (
	// maxFetched bounds a file that is fetched from a URL; WhatsApp's own limit
	// for most media is lower.
	maxFetched    = 64 << 20
	fetchTime     = 30 * time.Second
	maxRedirects  = 5
	fetcherAgent  = "whatsapp-manager"
	fieldMediaURL = "url"
)

// errInternal is an address that nobody outside may have fetched.
var errInternal = errors.New("internal address")

// sharedNetworks are not global although Go's netip knows no name for them:
// carrier-grade NAT, documentation, benchmarks, IPv4 in IPv6 (RFC 6890).
var sharedNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// reachable tells whether an address may be fetched from: a public one, or one
// in a network that the operator allows.
func reachable(addr netip.Addr, allowed []netip.Prefix) bool {
	addr = addr.Unmap()
	for _, p := range allowed {
		if p.Contains(addr) {
			return true
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range sharedNetworks {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// fetcher is a client that asks public addresses only. The address is looked at
// when the connection is made, after the name was resolved and after every
// redirect, so that a name cannot change its mind in between.
func fetcher(allowed []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !reachable(to.Addr(), allowed) {
			return errInternal
		}
		return nil
	}}
	return &http.Client{
		Timeout: fetchTime,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, Proxy: nil, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second,
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
		return nil
	case m.Upload != "":
		return m.uploaded(c.Spool)
	case m.URL == "":
		return nil
	}
	return m.fetch(ctx, c.MediaNetworks, m.at+"."+fieldMediaURL)
}

// fetch reads the URL. field names it in errors.
func (m *messageMedia) fetch(ctx context.Context, allowed []netip.Prefix, field string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, nil)
	if err != nil || plainURL(req.URL) != nil {
		return bad(field, "expected an http or https URL without credentials")
	}
	req.Header.Set("User-Agent", fetcherAgent)
	client := fetcher(allowed)
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, errInternal):
		f := bad(field, "the address is internal; the operator can allow its network")
		return f
	case ctx.Err() != nil:
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the file could not be fetched in time")
	case err != nil:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: "the file could not be fetched from the URL", Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: fmt.Sprintf("the URL answered %d", resp.StatusCode)}
	}
	if resp.ContentLength > maxFetched {
		return tooLarge(field)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxFetched+1))
	switch {
	case err != nil:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: field, Code: "not_fetched", Msg: "the file ended before it was whole", Err: err}
	case len(data) > maxFetched:
		return tooLarge(field)
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
	return &fault.Error{Kind: fault.TooLarge, Op: op, Field: field, Msg: fmt.Sprintf("the file is larger than %d bytes", maxFetched)}
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
