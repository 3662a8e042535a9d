package connlimit

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostDerived is the most that is derived from descriptors: 8192 idle
	// connections are some 160 MB.
	mostDerived = 8192
	// spare is how many connections above the limit are taken in to tell them so.
	spare = 16
)

// Limits say how many connections there may be at a time.
type Limits struct {
	All        int // 0: Derived
	PerAddress int // of one IPv4 address or IPv6 /64; 0: half of All
	// Trusted are the networks of proxies, whose connections are many people's:
	// they have no limit per address.
	Trusted []netip.Prefix
	// PartTime is how long a reader may take for 64 KiB of an answer; 0: 30 s.
	PartTime time.Duration
}

// Derived is the limit for a process that may have so many descriptors: half of
// them, since the database, workers and receivers of webhooks need some as well.
func Derived(descriptors uint64) int {
	return int(max(16, min(descriptors/2, mostDerived)))
}

// Descriptors is how many the process may have. Go's runtime has raised the soft
// limit to the hard one by then.
func Descriptors() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("ask for the limit of descriptors: %w", err)
	}
	return limit.Cur, nil
}

func (l Limits) complete() (Limits, error) {
	if l.All <= 0 {
		n, err := Descriptors()
		if err != nil {
			return l, err
		}
		l.All = Derived(n)
	}
	if l.PerAddress <= 0 {
		l.PerAddress = max(8, l.All/2)
	}
	if l.PartTime <= 0 {
		l.PartTime = 30 * time.Second
	}
	return l, nil
}

// perOwner is how many requests of one instance or user may be under way: their
// connections cannot be closed for others, wherever they come from.
func (l Limits) perOwner() int { return max(8, l.All/4) }

func (l Limits) trusts(a netip.Addr) bool {
	for _, p := range l.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Network is what counts as one address: people get a /64 of IPv6, not one address.
func Network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
