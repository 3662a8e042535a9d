package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Of real requests that fail, nothing is told but one of a few sentences.
func TestReasonsTellNothingOfTheNetwork(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	breaking, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		for {
			conn, err := breaking.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	defer func() { breaking.Close(); <-broken }()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // takes connections and says nothing
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	// A resolver of ours, so that no test asks the network for a name.
	resolver := func(err *net.DNSError) *net.Resolver {
		return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
	}
	for _, tc := range []struct {
		name, url, want string
		allowed         []netip.Prefix
		dns             *net.DNSError
	}{
		{"an internal address", plain.URL, ErrInternal.Error(), nil, nil},
		{"a name of an internal address", strings.Replace(plain.URL, "127.0.0.1", "localhost", 1), ByName, nil, nil},
		{"a port where nobody listens", "http://" + closed.Addr().String(), "the connection was refused", loopback, nil},
		{"one that breaks off", "http://" + breaking.Addr().String(), "the connection broke before there was an answer", loopback, nil},
		{"one that is silent", "http://" + silent.Addr().String(), "no answer in time", loopback, nil},
		{"a certificate of nobody", secure.URL, "the certificate is not trusted", loopback, nil},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), "the other side does not speak TLS there", loopback, nil},
		{"a resolver that is away", "http://db.corp.internal/", "the name could not be looked up", loopback, &net.DNSError{Err: "server misbehaving", Server: "10.9.8.7:53"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dialer := Dialer(time.Second, tc.allowed)
			if tc.dns != nil {
				dialer.Resolver = resolver(tc.dns)
			}
			client := http.Client{Timeout: time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
			resp, err := client.Get(tc.url)
			if err == nil {
				resp.Body.Close()
				t.Fatal("it was answered")
			}
			if got := Reason(err); got != tc.want {
				t.Errorf("%q, want %q, of: %v", got, tc.want, err)
			}
		})
	}
}

func TestReasonsOfErrorsThatAreHardToCause(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"no such host", ByName, &net.DNSError{Err: "no such host", Name: "db.corp.internal", Server: "10.9.8.7:53", IsNotFound: true}},
		{"a look-up that took too long", "the name could not be looked up", &net.DNSError{Err: "i/o timeout", Name: "db.corp.internal", Server: "10.9.8.7:53", IsTimeout: true}},
		{"no route", "the address cannot be reached", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}},
		{"a TLS alert", "the other side broke the TLS handshake off", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}},
		{"given up", "the request was given up", context.Canceled},
		{"an idle connection that is closed", "the connection broke before there was an answer", errors.New("http: server closed idle connection")},
		{"something new", "the request failed", &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 9, 8, 7)}, Err: syscall.EPERM}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Reason(tc.err); got != tc.want || strings.ContainsAny(got, "0123456789") {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
