package edge

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestHosts(t *testing.T) {
	home := NewHosts(nil, "127.0.0.1:5000", "https://wa.example.org/x", []string{"api.internal", "*.example.net"})
	abroad := NewHosts(nil, "0.0.0.0:5000", "", nil)
	for _, tc := range []struct {
		header       string
		home, abroad bool
	}{
		{"127.0.0.1:5000", true, true},
		{"127.0.0.1", true, true},
		{"localhost:5000", true, true},
		{"LOCALHOST.", true, true},
		{"[::1]:5000", true, true},
		{"[::1]", true, true},
		{"127.9.9.9:80", true, true},
		{"wa.example.org", true, false},
		{"WA.example.org:443", true, false},
		{"api.internal:5000", true, false},
		{"a.b.example.net", true, false},
		{"example.net", false, false},
		{"evilexample.net", false, false},
		{"192.0.2.7:5000", false, true},
		{"[2001:db8::1]:5000", false, true},
		{"manager:5000", false, true},
		{"evil.example:5000", false, false},
		{"localhost.evil.example", false, false},
		{"127.0.0.1.evil.example", false, false},
		{"127.0.0.1@evil.example", false, false},
		{"", true, true},
		{":", false, false},
		{"[", false, false},
		{"a:b:c:d", false, false},
	} {
		t.Run(tc.header, func(t *testing.T) {
			if home.Allow(tc.header) != tc.home || abroad.Allow(tc.header) != tc.abroad {
				t.Errorf("on loopback %v, want %v; abroad %v, want %v", home.Allow(tc.header), tc.home, abroad.Allow(tc.header), tc.abroad)
			}
		})
	}
	for _, listen := range []string{":5000", "wa.lan:5000", "[::]:5000"} {
		h := NewHosts(nil, listen, "", nil)
		if !h.Allow("192.0.2.7:5000") || h.Allow("evil.example") || h.Allow(":") || h.Allow("wa.lan") != (listen == "wa.lan:5000") {
			t.Errorf("listening on %s", listen)
		}
	}
	if !NewHosts(nil, "127.0.0.1:1", "", []string{"*"}).Allow("evil.example") {
		t.Error("* does not allow all")
	}
}

func TestAProxyThatIsNotDeclaredIsNoticed(t *testing.T) {
	f := NewForwarded([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	now := time.Unix(1_800_000_000, 0)
	look := func(peer, forwarded string, at time.Time) bool {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		_, warn := f.Look(r, at)
		return warn
	}
	if look("192.0.2.1:1", "", now) || look("10.1.2.3:1", "203.0.113.9", now) || look("[::ffff:10.1.2.3]:1", "203.0.113.9", now) {
		t.Error("a warning without reason")
	}
	if !look("192.0.2.1:1", "203.0.113.9", now) {
		t.Error("no warning")
	}
	for range 100 {
		if look("192.0.2.2:1", "203.0.113.9", now.Add(time.Minute)) {
			t.Error("a warning for every request")
		}
	}
	if !look("192.0.2.1:1", "203.0.113.9", now.Add(warnEvery)) {
		t.Error("no second warning later")
	}
	if seen := f.Seen(); seen.Count != 102 || seen.Peer != "192.0.2.1" {
		t.Errorf("%+v", seen)
	}
}
