package edge

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// warnEvery is how often the operator is warned of undeclared proxies.
const warnEvery = 10 * time.Minute

// Forwarded notices requests that say whom they were forwarded for and come
// from a peer that is not declared as a proxy: then all clients share the
// proxy's address, and with it their limits. Safe for use at the same time.
type Forwarded struct {
	trusted []netip.Prefix

	mu     sync.Mutex
	warned time.Time  // guarded by mu
	seen   Undeclared // guarded by mu
}

// Undeclared is what was noticed.
type Undeclared struct {
	Peer  string    // the last one
	Count int       // requests
	Last  time.Time // zero: none was noticed
}

// NewForwarded returns one for the declared proxies.
func NewForwarded(trusted []netip.Prefix) *Forwarded { return &Forwarded{trusted: trusted} }

// Look takes note of the request, and returns true with the peer's address when
// the operator shall be warned now.
func (f *Forwarded) Look(r *http.Request, now time.Time) (peer string, warn bool) {
	if r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" {
		return "", false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "", false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		for _, p := range f.trusted {
			if p.Contains(addr.Unmap()) || p.Contains(addr) {
				return "", false
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = Undeclared{Peer: host, Count: f.seen.Count + 1, Last: now}
	if !f.warned.IsZero() && now.Sub(f.warned) < warnEvery {
		return host, false
	}
	f.warned = now
	return host, true
}

// Seen returns what was noticed since the start.
func (f *Forwarded) Seen() Undeclared {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}
