package netguard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"whatsapp-manager/proto/netguard"
)

func TestInternalAddresses(t *testing.T) {
	for _, inside := range []string{
		"127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "fd00::1%eth0", "fec0::1", "ff02::1",
		"::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1", "2001:db8::1%eth0", "2002:7f00:1::", "2001:0:7f00:1::",
	} {
		if netguard.Reachable(netip.MustParseAddr(inside), nil) {
			t.Errorf("%s may be asked", inside)
		}
	}
	for _, outside := range []string{"93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"} {
		if !netguard.Reachable(netip.MustParseAddr(outside), nil) {
			t.Errorf("%s may not be asked", outside)
		}
	}
}

func TestAnOperatorAllowsNetworks(t *testing.T) {
	allowed, err := netguard.Networks([]string{"10.0.0.0/8", "127.0.0.1", "fd00::/64"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"10.9.8.7": true, "::ffff:10.9.8.7": true, "127.0.0.1": true, "127.0.0.2": false, "192.168.1.1": false, "fd00::1%eth0": true, "fd01::1": false, "::1": false,
	} {
		if netguard.Reachable(netip.MustParseAddr(address), allowed) != want {
			t.Errorf("%s: may be asked: %v, want %v", address, !want, want)
		}
	}
	for _, wrong := range []string{"10.0.0.0/33", "localhost", "", "10.0.0.0-10.0.0.9"} {
		if _, err := netguard.Networks([]string{wrong}); err == nil {
			t.Errorf("%q was taken for a network", wrong)
		}
	}
}

// A name that was public when somebody looked at it stands for an address of
// this host when it is used.
func TestANameCannotChangeItsMind(t *testing.T) {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Addr().String())
	resolver := resolver(t, [4]byte{93, 184, 216, 34}, [4]byte{127, 0, 0, 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	before, err := resolver.LookupNetIP(ctx, "ip4", "rebind.example.org.")
	if err != nil || len(before) != 1 || !netguard.Reachable(before[0], nil) {
		t.Fatalf("the first answer is no public address: %v %v", before, err)
	}
	dialer := netguard.Dialer(5*time.Second, nil)
	dialer.Resolver = resolver
	if conn, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort("rebind.example.org.", port)); !errors.Is(err, netguard.ErrInternal) {
		if err == nil {
			conn.Close()
		}
		t.Errorf("an internal listener was asked: %v", err)
	}
	dialer = netguard.Dialer(5*time.Second, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	dialer.Resolver = resolver
	conn, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort("rebind.example.org.", port))
	if err != nil {
		t.Fatalf("an allowed listener was not asked: %v", err)
	}
	conn.Close()
}

// resolver asks a name server that gives one address after the other, the last
// one for ever.
func resolver(t *testing.T, addresses ...[4]byte) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { server.Close(); <-ended })
	var asked atomic.Int64
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses)) - 1
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: addresses[i]},
				}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(packed, from) // who does not hear it asks again
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}
