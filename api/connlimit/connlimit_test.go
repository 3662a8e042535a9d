package connlimit_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/api/connlimit"
)

const patience = 20 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a server in a house. /known and /stranger answer when released;
// /health at once; /flood writes for ever.
type place struct {
	t       *testing.T
	house   *connlimit.House
	address string
	inside  chan string // the path of each request that begins
	release chan struct{}
	flooded chan error
}

func open(t *testing.T, limits connlimit.Limits) *place {
	t.Helper()
	house, err := connlimit.New(limits)
	must(t, err)
	p := &place{t: t, house: house, inside: make(chan string, 1000), release: make(chan struct{}), flooded: make(chan error, 100)}
	s := httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	s.Listener = house.Listen(s.Listener)
	s.Config.ConnContext, s.Config.ConnState = house.Context, house.State
	s.Start()
	p.address = s.Listener.Addr().String()
	t.Cleanup(func() {
		select {
		case <-p.release:
		default:
			close(p.release)
		}
		s.Close()
		if c := house.Counts(); c.Open != 0 {
			t.Errorf("%d connections are counted after the end", c.Open)
		}
	})
	return p
}

func (p *place) serve(w http.ResponseWriter, r *http.Request) {
	c := connlimit.Of(r.Context())
	if !c.Begin() {
		panic(http.ErrAbortHandler)
	}
	defer c.Done()
	if c.Spare() && r.URL.Path != "/health" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if client, ok := strings.CutPrefix(r.URL.Path, "/for/"); ok {
		end, ok := p.house.Ask(c, netip.MustParseAddr(client))
		if !ok {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		defer end()
		p.inside <- r.URL.Path
		<-p.release
	}
	switch r.URL.Path {
	case "/known":
		if who := r.URL.Query().Get("who"); !c.Known(cmp.Or(who, r.RemoteAddr)) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		p.inside <- r.URL.Path
		<-p.release
	case "/stranger":
		p.inside <- r.URL.Path
		select {
		case <-p.release:
		case <-r.Context().Done():
		}
	case "/unread":
		c.Unread()
	case "/flood":
		c.Known("flooded")
		part := make([]byte, 1<<20)
		var err error
		for err == nil {
			_, err = w.Write(part)
		}
		p.flooded <- err
	}
	fmt.Fprint(w, "fine")
}

// dial sends text and returns the connection, which ends with the test.
func (p *place) dial(text string) net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.address)
	must(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	must(p.t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	must(p.t, err)
	return c
}

// enter sends a request and waits until it is being answered.
func (p *place) enter(path string) net.Conn {
	p.t.Helper()
	c := p.dial("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	<-p.inside
	return c
}

// get asks on a new connection and returns the status, 0 when it was closed.
func (p *place) get(path string) int {
	p.t.Helper()
	c := p.dial("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// until waits for what another goroutine of the server does.
func (p *place) until(what string, ok func(connlimit.Counts) bool) {
	p.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok(p.house.Counts()) {
		select {
		case <-tick.C:
		case <-end:
			p.t.Fatalf("%s: not so after %s: %+v", what, patience, p.house.Counts())
		}
	}
}

func closed(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	return err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

// Whatever fills the house, somebody who asks for health is answered.
func TestAFullHouseStillAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		fill func(p *place)
	}{
		{"idle connections", func(p *place) { p.dial("") }},
		{"slow heads", func(p *place) { p.dial("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ") }},
		{"requests of strangers", func(p *place) { p.enter("/stranger") }},
		{"requests of known people", func(p *place) { p.enter("/known") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := open(t, connlimit.Limits{All: 20, PerAddress: 20})
			for range 20 {
				tc.fill(p)
			}
			p.until("all are there", func(c connlimit.Counts) bool { return c.Open == 20 })
			for range 40 {
				if status := p.get("/health"); status != http.StatusOK {
					t.Fatalf("health: %d", status)
				}
			}
			if c := p.house.Counts(); c.Open > 20+16 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestWhoGoes(t *testing.T) {
	p := open(t, connlimit.Limits{All: 4, PerAddress: 4})
	known := p.enter("/known")
	first, second, third := p.dial(""), p.dial(""), p.dial("")
	p.until("all are there", func(c connlimit.Counts) bool { return c.Open == 4 })
	if status := p.get("/health"); status != http.StatusOK {
		t.Fatalf("health: %d", status)
	}
	if !closed(first) {
		t.Error("the one that waited longest stays")
	}
	p.until("the one who asked for health left", func(c connlimit.Counts) bool { return c.Open == 3 })
	p.enter("/known") // there is room
	p.enter("/known")
	if !closed(second) {
		t.Error("the one that waited second longest stays")
	}
	p.enter("/known")
	if !closed(third) {
		t.Error("a connection that waits keeps a seat from a request")
	}
	// Nobody can go now: the others are told so.
	for range 3 {
		if status := p.get("/anything"); status != http.StatusServiceUnavailable {
			t.Errorf("in a full house: %d", status)
		}
	}
	if c := p.house.Counts(); c.Refused != 3 {
		t.Errorf("%+v", c)
	}
	close(p.release)
	if res, err := http.ReadResponse(bufio.NewReader(known), nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the request of somebody known was cut off: %v", err)
	}
}

// More in spare seats than there are: the oldest goes, the newest is answered.
func TestSpareSeatsAreFew(t *testing.T) {
	p := open(t, connlimit.Limits{All: 2, PerAddress: 2})
	p.enter("/known")
	p.enter("/known")
	slow := p.dial("")
	for range 40 {
		p.dial("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	}
	if !closed(slow) {
		t.Error("the oldest stays")
	}
	if status := p.get("/health"); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	p.until("few are left", func(c connlimit.Counts) bool { return c.Open <= 2+16 })
}

func TestOneAddressLeavesRoom(t *testing.T) {
	p := open(t, connlimit.Limits{All: 100, PerAddress: 10})
	for range 10 {
		p.enter("/known")
	}
	if status := p.get("/anything"); status != http.StatusServiceUnavailable {
		t.Errorf("an eleventh from one address: %d", status)
	}
	other, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", p.address)
	must(t, err)
	defer other.Close()
	must(t, other.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(other, "GET /anything HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	if res, err := http.ReadResponse(bufio.NewReader(other), nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("another address: %v %v", res, err)
	}
}

// One who is known cannot take the whole house, from however many addresses.
func TestOneOwnerLeavesRoom(t *testing.T) {
	p := open(t, connlimit.Limits{All: 40, PerAddress: 40})
	var all []net.Conn
	for range 10 {
		all = append(all, p.enter("/known?who=alice"))
	}
	if status := p.get("/known?who=alice"); status != http.StatusTooManyRequests {
		t.Errorf("an eleventh of one owner: %d", status)
	}
	p.enter("/known?who=bob")
	for _, c := range all[:5] {
		c.Close() // the request goes on, its connection does not count any more
	}
	close(p.release)
	p.until("the requests are over", func(c connlimit.Counts) bool { return c.Open <= 6 })
	if status := p.get("/known?who=alice"); status != http.StatusOK {
		t.Errorf("after the others ended: %d", status)
	}
}

// A proxy's connections are many people's: they are counted by request, by whom it names.
func TestProxies(t *testing.T) {
	p := open(t, connlimit.Limits{All: 100, PerAddress: 2, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for range 10 {
		p.enter("/known")
	}
	if status := p.get("/anything"); status != http.StatusOK {
		t.Errorf("an eleventh through the proxy: %d", status)
	}
	if counts := p.house.Counts(); counts.Evicted != 0 || counts.Refused != 0 {
		t.Errorf("%+v", counts)
	}
	for range 2 {
		p.enter("/for/203.0.113.7")
	}
	if status := p.get("/for/203.0.113.7"); status != http.StatusTooManyRequests {
		t.Errorf("a third of one client: %d", status)
	}
	p.enter("/for/203.0.113.8")
	p.enter("/for/2001:db8::1")
	p.enter("/for/2001:db8::2")
	if status := p.get("/for/2001:db8::3"); status != http.StatusTooManyRequests {
		t.Errorf("a third of one network: %d", status)
	}
}

// Who names somebody else without being a proxy is counted by connection only.
func TestNoProxyNamesOthers(t *testing.T) {
	p := open(t, connlimit.Limits{All: 100, PerAddress: 20})
	for range 10 {
		p.enter("/for/203.0.113.7")
	}
	if counts := p.house.Counts(); counts.Open != 10 {
		t.Errorf("%+v", counts)
	}
}

// A reader who reads nothing loses the connection, whatever is written.
func TestAReaderWhoReadsNothing(t *testing.T) {
	p := open(t, connlimit.Limits{All: 10, PerAddress: 10, PartTime: 200 * time.Millisecond})
	c := p.dial("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-p.flooded:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("ended by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the writer still waits")
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection is still open: %v", err)
	}
}

// A client that sends all of a large body first gets to read why it was not
// wanted, also when it has asked for the connection's end.
func TestTheAnswerToALargeBodyCanBeRead(t *testing.T) {
	const size = 30 << 20
	for _, header := range []string{"", "Connection: close\r\n"} {
		t.Run(header, func(t *testing.T) {
			p := open(t, connlimit.Limits{All: 10, PerAddress: 10})
			c := p.dial(fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n", header, size))
			_, err := c.Write(bytes.Repeat([]byte("x"), size)) // reads nothing meanwhile
			must(t, err)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			must(t, err)
			if text, err := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || string(text) != "fine" || err != nil {
				t.Errorf("%d %q %v", res.StatusCode, text, err)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::", "::1": "::",
	} {
		t.Run(in, func(t *testing.T) {
			if got := connlimit.Network(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
				t.Errorf("%s: %s, want %s", in, got, want)
			}
		})
	}
}

func TestDerived(t *testing.T) {
	for descriptors, want := range map[uint64]int{10: 16, 400: 200, 1024: 512, 1 << 20: 8192, 1<<64 - 1: 8192} {
		if got := connlimit.Derived(descriptors); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}
