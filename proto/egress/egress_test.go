package egress_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
)

func TestRequests(t *testing.T) {
	for _, address := range []string{"example.org:80", "[2001:db8::1]:65535", "[fe80::1%eth0]:1", strings.Repeat("a", 253) + ":443"} {
		t.Run(address, func(t *testing.T) {
			var wire bytes.Buffer
			if err := egress.WriteRequest(&wire, address); err != nil {
				t.Fatal(err)
			}
			wire.WriteString("the connection's bytes")
			got, err := egress.ReadRequest(&wire)
			if err != nil || got != address || wire.String() != "the connection's bytes" {
				t.Errorf("read %q, %v, and %q is left", got, err, wire.String())
			}
		})
	}
	for why, address := range map[string]string{
		"no port": "example.org", "port 0": "example.org:0", "port too large": "example.org:65536", "named port": "example.org:http", "no host": ":80",
		"too long": strings.Repeat("a", 300) + ":80", "a line": "example.org\n:80", "no ASCII": "exämple.org:80", "empty": "",
	} {
		t.Run(why, func(t *testing.T) {
			if err := egress.WriteRequest(io.Discard, address); !errors.Is(err, egress.ErrMalformed) {
				t.Errorf("written: %v", err)
			}
			wire := append(binary.BigEndian.AppendUint16(nil, uint16(len(address))), address...)
			if _, err := egress.ReadRequest(bytes.NewReader(wire)); !errors.Is(err, egress.ErrMalformed) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// Whatever comes, reading ends, takes no more than a request has, and what it
// accepts is what WriteRequest would write.
func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x00\x0eexample.org:80", "\x00\x09[::1]:443", "\xff\xff", "\x00\x05a:1", "\x01\x2c" + strings.Repeat("a", 300)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		address, err := egress.ReadRequest(r)
		if taken := len(in) - r.Len(); taken > 2+egress.MaxAddress {
			t.Fatalf("%d bytes were taken", taken)
		}
		if err != nil {
			return
		}
		var wire bytes.Buffer
		if err := egress.WriteRequest(&wire, address); err != nil || !bytes.HasPrefix(in, wire.Bytes()) {
			t.Fatalf("accepted %q, which is written as %q, %v", address, wire.Bytes(), err)
		}
	})
}

// manager answers each request with what answer says, for nil with its end.
func manager(t *testing.T, answer func(address string) []byte) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), egress.Socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			address, err := egress.ReadRequest(conn)
			if err == nil {
				_, _ = conn.Write(answer(address))
			}
			conn.Close()
		}
	}()
	return socket
}

func TestAnswersBecomeErrors(t *testing.T) {
	for _, tc := range []struct {
		why    string
		answer []byte
		want   error
	}{
		{"connected", []byte{byte(egress.Connected)}, nil},
		{"internal", []byte{byte(egress.Internal)}, netguard.ErrInternal},
		{"unreachable", []byte{byte(egress.Unreachable)}, egress.ErrUnreachable},
		{"busy", []byte{byte(egress.Busy)}, egress.ErrBusy},
		{"malformed", []byte{byte(egress.Malformed)}, egress.ErrMalformed},
		{"of a later manager", []byte{200}, egress.ErrUnreachable},
		{"none", nil, egress.ErrAway},
	} {
		t.Run(tc.why, func(t *testing.T) {
			d := egress.NewDialer(manager(t, func(string) []byte { return tc.answer }))
			// More often than there are places: each failure gives its place back, and each end.
			for range egress.Places + 1 {
				conn, err := d.DialContext(t.Context(), "tcp", "example.org:80")
				if !errors.Is(err, tc.want) {
					t.Fatalf("got %v", err)
				}
				if err == nil {
					conn.Close()
					conn.Close()
				}
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		if _, err := egress.NewDialer(filepath.Join(t.TempDir(), "none")).DialContext(t.Context(), "tcp", "example.org:80"); !errors.Is(err, egress.ErrAway) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhoWantsOneMoreWaits(t *testing.T) {
	d := egress.NewDialer(manager(t, func(string) []byte { return []byte{byte(egress.Connected)} }))
	var open []net.Conn
	for range egress.Places {
		conn, err := d.DialContext(t.Context(), "tcp", "example.org:80")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.DialContext(ctx, "tcp", "example.org:80"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("one more: %v", err)
	}
	open[0].Close()
	conn, err := d.DialContext(t.Context(), "tcp", "example.org:80")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// A manager that does not answer is waited for as long as the context lasts.
func TestTheContextEndsTheWaiting(t *testing.T) {
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	d := egress.NewDialer(manager(t, func(string) []byte { <-hold; return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := d.DialContext(ctx, "tcp", "example.org:80")
		asked <- err
	}()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
