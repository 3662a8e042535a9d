// Package netguard keeps requests that somebody else chose the address of away
// from internal networks: the files that a call names by URL, and the receivers
// of webhooks. Both the manager and the workers make such requests.
//
// An address is judged when the connection is made: after its name was
// resolved, and anew after every redirect. So a name that resolves to something
// public when it is looked at and to something internal when it is used (DNS
// rebinding) gains nothing.
package netguard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrInternal is in the chain of every connection's error that was refused for
// its address.
var ErrInternal = errors.New("the address is internal; the operator can allow its network")

// globalIPv6 is the only part of IPv6 that is routed between networks.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// special are not global although Go's netip knows no name for them (RFC 6890
// and its successors): carrier-grade NAT, documentation, benchmarks, and the
// ways to write an IPv4 address in an IPv6 one.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"),
}

// Reachable tells whether an address may be asked: a public one, or one in a
// network that the operator allows.
func Reachable(addr netip.Addr, allowed []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("") // no prefix contains an address with a zone
	for _, p := range allowed {
		if p.Contains(addr) {
			return true
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !globalIPv6.Contains(addr) {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// Literal gives the address that a URL's host is, and false when it is a name:
// what a name stands for is known only when the connection is made.
func Literal(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(host, "."))
	return addr, err == nil
}

// Dialer connects to addresses that are Reachable; its other connections fail
// with ErrInternal before a packet is sent.
func Dialer(timeout time.Duration, allowed []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !Reachable(to.Addr(), allowed) {
			return ErrInternal
		}
		return nil
	}}
}

// Networks reads what an operator wrote: networks like 10.0.0.0/8, or single
// addresses.
func Networks(written []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range written {
		if addr, err := netip.ParseAddr(text); err == nil {
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network like 10.0.0.0/8", text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}
