package egress_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	wire "whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/supervisor/egress"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func onlyUs(cred *unix.Ucred) (string, bool) {
	return "one", int(cred.Pid) == os.Getpid() && int(cred.Uid) == os.Getuid()
}

// serve runs a server until the test ends, or end is called, which waits for it.
func serve(t *testing.T, limits egress.Limits, allowed []netip.Prefix, admit func(*unix.Ucred) (string, bool)) (d *wire.Dialer, socket string, end func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), wire.Socket)
	listener, err := egress.Listen(socket, -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		egress.New(limits, allowed, admit, zerolog.Nop()).Serve(ctx, listener)
	}()
	end = func() {
		t.Helper()
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("Serve does not return")
		}
	}
	t.Cleanup(end)
	return wire.NewDialer(socket), socket, end
}

// far is a server somewhere that handles each connection, until the test ends.
func far(t *testing.T, handle func(*net.TCPConn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); conns.Wait() })
	return listener.Addr().String()
}

// silent neither says nor hears anything, until the other side ends.
func silent(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }

func dial(t *testing.T, d *wire.Dialer, address string) net.Conn {
	t.Helper()
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func TestBytesPassBothWays(t *testing.T) {
	d, _, _ := serve(t, egress.Limits{}, loopback, onlyUs)
	text := bytes.Repeat([]byte("both ways "), 100_000)
	answered := far(t, func(conn *net.TCPConn) {
		got := make([]byte, len(text))
		if _, err := io.ReadFull(conn, got); err == nil {
			_, _ = conn.Write(got)
		}
	})
	conn := dial(t, d, answered)
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(text)
		sent <- err
	}()
	got, err := io.ReadAll(conn) // to the far end's end
	if err != nil || <-sent != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(text), err)
	}
}

func TestAddressesAreJudged(t *testing.T) {
	asked := far(t, func(*net.TCPConn) { t.Error("an internal listener was asked") })
	_, port, _ := net.SplitHostPort(asked)
	d, _, _ := serve(t, egress.Limits{}, nil, onlyUs)
	for _, address := range []string{asked, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "169.254.169.254:80", "0.0.0.0:" + port, "10.0.0.1:80"} {
		t.Run(address, func(t *testing.T) {
			if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, netguard.ErrInternal) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("nobody listens in an allowed network", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{}, loopback, onlyUs)
		if _, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestStrangersGetNothing(t *testing.T) {
	_, socket, _ := serve(t, egress.Limits{}, loopback, func(*unix.Ucred) (string, bool) { return "", false })
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("answered with %d bytes, %v", n, err)
	}
}

func TestBounds(t *testing.T) {
	ended := func(t *testing.T, conn net.Conn, most int) {
		t.Helper()
		n, err := io.Copy(io.Discard, conn)
		if errors.Is(err, os.ErrDeadlineExceeded) || n > int64(most) {
			t.Errorf("%d bytes came, then %v", n, err)
		}
	}
	t.Run("connections of one worker", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{PerWorker: 2}, loopback, onlyUs)
		address := far(t, silent)
		dial(t, d, address)
		dial(t, d, address)
		if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("a third: %v", err)
		}
	})
	t.Run("connections of all", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{All: 1}, loopback, onlyUs)
		address := far(t, silent)
		conn := dial(t, d, address)
		if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("a second: %v", err)
		}
		conn.Close()
		for { // the server hears of it in its own time
			if again, err := d.DialContext(t.Context(), "tcp", address); err == nil {
				again.Close()
				return
			} else if !errors.Is(err, wire.ErrBusy) {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
	})
	t.Run("new connections a second", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{Rate: 0.25}, loopback, onlyUs)
		address := far(t, silent)
		dial(t, d, address)
		if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("a second at once: %v", err)
		}
	})
	t.Run("bytes to the worker", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{Down: 100_000}, loopback, onlyUs)
		ended(t, dial(t, d, far(t, func(conn *net.TCPConn) {
			for {
				if _, err := conn.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
		})), 100_000)
	})
	t.Run("bytes from the worker", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{Up: 1000}, loopback, onlyUs)
		conn := dial(t, d, far(t, silent))
		if _, err := conn.Write(make([]byte, 1001)); err != nil {
			t.Fatal(err)
		}
		ended(t, conn, 0)
	})
	t.Run("time without a byte", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{Idle: 50 * time.Millisecond}, loopback, onlyUs)
		ended(t, dial(t, d, far(t, silent)), 0)
	})
	t.Run("life", func(t *testing.T) {
		d, _, _ := serve(t, egress.Limits{Life: 300 * time.Millisecond, Down: 1 << 50}, loopback, onlyUs)
		ended(t, dial(t, d, far(t, func(conn *net.TCPConn) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := conn.Write([]byte(".")); err != nil {
					return
				}
			}
		})), 1000)
	})
	t.Run("a request that does not come", func(t *testing.T) {
		_, socket, _ := serve(t, egress.Limits{Ask: 50 * time.Millisecond}, loopback, onlyUs)
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		ended(t, conn, 0)
	})
	t.Run("a request that is none", func(t *testing.T) {
		_, socket, _ := serve(t, egress.Limits{}, loopback, onlyUs)
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Write([]byte("\xff\xff")); err != nil {
			t.Fatal(err)
		}
		var answer [1]byte
		if _, err := conn.Read(answer[:]); err != nil || wire.Answer(answer[0]) != wire.Malformed {
			t.Errorf("answered %d, %v", answer[0], err)
		}
	})
}

// The end of the manager ends all connections, on both sides, and nothing stays.
func TestTheEndLeavesNothing(t *testing.T) {
	d, socket, end := serve(t, egress.Limits{}, loopback, onlyUs)
	var gone sync.WaitGroup
	gone.Add(3)
	address := far(t, func(conn *net.TCPConn) {
		defer gone.Done()
		silent(conn)
	})
	var open []net.Conn
	for range 3 {
		open = append(open, dial(t, d, address))
	}
	half, err := net.Dial("unix", socket) // one that never asks
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	end()
	for _, conn := range open {
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection outlived the server: %v", err)
		}
	}
	gone.Wait()
	stacks := make([]byte, 1<<20)
	if s := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(s, "supervisor/egress.(*Server)") {
		t.Errorf("goroutines are left:\n%s", s)
	}
	if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, wire.ErrAway) {
		t.Errorf("afterwards: %v", err)
	}
	// The next manager takes the place of the socket that is left.
	again, err := egress.Listen(socket, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if fi, err := os.Stat(socket); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", fi, err)
	}
}
