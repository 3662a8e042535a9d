package edge

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Hosts are the names under which the server may be asked. A page that made its
// own name stand for our address (DNS rebinding) asks under that name, and is
// thereby told from those who mean us.
type Hosts struct {
	names  map[string]bool
	below  []string // .example.org: every name below
	all    bool
	abroad bool // we listen where others reach us
}

// NewHosts returns the hosts for a server that listens on the address: localhost
// and loopback addresses, the host of the public URL, and those in allowed
// (names, *.example.org for all below, * for any). When others can reach the
// listener, also every address, every name without a dot, and the machine's own
// name: a page in the internet has none of these.
func NewHosts(listener net.Addr, listen, publicURL string, allowed []string) *Hosts {
	h := &Hosts{names: map[string]bool{"localhost": true}}
	address := listen
	if listener != nil {
		address = listener.String()
	}
	for _, text := range []string{listen, address} {
		if host, _, err := net.SplitHostPort(text); err == nil {
			h.abroad = h.abroad || !isLoopback(host)
			h.add(host)
		}
	}
	if name, err := os.Hostname(); err == nil && h.abroad {
		h.add(name)
	}
	if u, err := url.Parse(publicURL); err == nil && u.Hostname() != "" {
		h.add(u.Hostname())
	}
	for _, name := range allowed {
		switch name = clean(name); {
		case name == "*":
			h.all = true
		case strings.HasPrefix(name, "*."):
			h.below = append(h.below, name[1:])
		default:
			h.add(name)
		}
	}
	return h
}

func (h *Hosts) add(name string) {
	if name = clean(name); name != "" {
		h.names[name] = true
	}
}

// Allow says whether a request may carry that Host header. An empty one is from
// HTTP/1.0, which no browser speaks.
func (h *Hosts) Allow(header string) bool {
	if header == "" || h.all {
		return true
	}
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = clean(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if h.names[host] {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return h.abroad || isLoopback(host)
	}
	if h.abroad && host != "" && !strings.ContainsAny(host, ".:") {
		return true
	}
	for _, suffix := range h.below {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

func clean(host string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}

func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return clean(host) == "localhost"
}
