package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/netguard"
)

// The types of settings. Each reads itself, and says what is wrong with a value
// that it does not take. A text that may hold a secret is not repeated.

// auto is the word that leaves a setting to the manager.
const auto = "auto"

// byteSize is an amount of memory; 0 when it was not given.
type byteSize uint64

func (s *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a size like 512MiB", text)
	}
	*s = byteSize(n)
	return nil
}

func (s byteSize) String() string { return humanize.IBytes(uint64(s)) }

// autoSize is a byteSize, or the word auto.
type autoSize struct {
	auto bool
	size byteSize
}

func (s *autoSize) UnmarshalText(text []byte) error {
	if s.auto = string(text) == auto; s.auto {
		return nil
	}
	if s.size.UnmarshalText(text) != nil {
		return fmt.Errorf("%q is neither auto nor a size like 512MiB", text)
	}
	return nil
}

// count is a number of things, which is never negative and fits into the
// database's integers.
type count int

func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number from 0 to %d", text, math.MaxInt32)
	}
	*c = count(n)
	return nil
}

// inboundPerCore keeps what a flood into one instance takes of the machine, in
// all processes, near a third: a message costs 3 to 4 ms of a core.
const inboundPerCore = 50

// autoRate is a number of messages a second; auto: by the number of cores.
type autoRate int

func (r *autoRate) UnmarshalText(text []byte) error {
	if string(text) == auto {
		*r = autoRate(inboundPerCore * runtime.NumCPU())
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 20)
	if err != nil {
		return fmt.Errorf("%q is not a number up to a million, nor auto", text)
	}
	*r = autoRate(n)
	return nil
}

// retentionAge is how long something is kept; 0: for ever.
type retentionAge time.Duration

func (a *retentionAge) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a duration like 2160h", text)
	case d != 0 && d < time.Hour:
		return fmt.Errorf("%s is less than an hour", d)
	}
	*a = retentionAge(d)
	return nil
}

// hostPort is an address to listen on.
type hostPort string

func (a *hostPort) UnmarshalText(text []byte) error {
	if _, _, err := net.SplitHostPort(string(text)); err != nil {
		return fmt.Errorf("%q is not host:port", text)
	}
	*a = hostPort(text)
	return nil
}

// webAddress is a URL with a host.
type webAddress string

func (a *webAddress) UnmarshalText(text []byte) error {
	if u, err := url.Parse(string(text)); err != nil || u.Host == "" {
		return fmt.Errorf("%q is not an address", text)
	}
	*a = webAddress(text)
	return nil
}

// hostPatterns are names of hosts, some with a * in front.
type hostPatterns []string

func (p *hostPatterns) UnmarshalText(text []byte) error {
	list := strings.Split(string(text), ",")
	for _, host := range list {
		if host == "" || strings.ContainsAny(host, "/: ") || strings.Contains(strings.TrimPrefix(host, "*"), "*") {
			return fmt.Errorf("%q is not a name like wa.example.org or *.example.org, without scheme and port", host)
		}
	}
	*p = list
	return nil
}

// networks are prefixes or single addresses.
type networks []netip.Prefix

func (n *networks) UnmarshalText(text []byte) (err error) {
	*n, err = netguard.Networks(strings.Split(string(text), ","))
	return err
}

// texts is how workers are told the networks.
func (n networks) texts() []string {
	texts := make([]string, len(n))
	for i, network := range n {
		texts[i] = network.String()
	}
	return texts
}

// proxies are networks that are written with the length of their prefix.
type proxies []netip.Prefix

func (p *proxies) UnmarshalText(text []byte) error {
	var list proxies
	for part := range strings.SplitSeq(string(text), ",") {
		network, err := netip.ParsePrefix(part)
		if err != nil {
			return fmt.Errorf("%q is not a network like 10.0.0.0/8", part)
		}
		list = append(list, network)
	}
	*p = list
	return nil
}

// methodNames are methods of whatsmeow that the operator opens.
type methodNames []string

func (n *methodNames) UnmarshalText(text []byte) error {
	list := strings.Split(string(text), ",")
	if err := catalog.CheckOpened(list); err != nil {
		return err
	}
	*n = list
	return nil
}

// email is the address of a user.
type email string

func (e *email) UnmarshalText(text []byte) error {
	if !strings.Contains(string(text), "@") {
		return fmt.Errorf("%q is not an e-mail address", text)
	}
	*e = email(text)
	return nil
}

// signedKey is a secret that tokens are signed with.
type signedKey []byte

func (k *signedKey) UnmarshalText(text []byte) error {
	if len(text) < 32 {
		return errors.New("shorter than 32 characters")
	}
	*k = signedKey(text)
	return nil
}

// postgresURL says where a database is, with its password.
type postgresURL string

func (p *postgresURL) UnmarshalText(text []byte) error {
	if u, err := url.Parse(string(text)); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return errors.New("not a postgres:// address")
	}
	*p = postgresURL(text)
	return nil
}

// standIn is the endpoint of a simulator that workers speak to instead of WhatsApp.
type standIn string

func (s *standIn) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("not an http:// or https:// address")
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return errors.New("a stand-in for WhatsApp must be on a loopback address")
	}
	root, err := hex.DecodeString(u.Query().Get("noise"))
	if err != nil || len(root) != 32 {
		return errors.New("noise= must be 32 bytes in hex")
	}
	if u.Scheme == "https" {
		if pin, err := hex.DecodeString(u.Query().Get("pin")); err != nil || len(pin) != 32 {
			return errors.New("pin= must be a SHA-256 in hex")
		}
	}
	*s = standIn(text)
	return nil
}

// logLevel is what is logged at the least.
type logLevel zerolog.Level

func (l *logLevel) UnmarshalText(text []byte) error {
	level, err := zerolog.ParseLevel(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a level", text)
	}
	*l = logLevel(level)
	return nil
}

// logFormat is how the log is written.
type logFormat string

func (f *logFormat) UnmarshalText(text []byte) error {
	switch string(text) {
	case auto, "json", "console":
		*f = logFormat(text)
		return nil
	}
	return fmt.Errorf("%q is not json, console or auto", text)
}
