package api

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/catalog"
)

// Config is the whole of what the operator decides about the HTTP side. Zero
// values get the defaults named here.
type Config struct {
	Listen   string       // host:port for Run; default 127.0.0.1:5000
	Listener net.Listener // used instead of Listen when set; Run closes it

	Node, Build string
	PublicURL   string // stands in the OpenAPI document as the server
	Simulated   bool   // workers speak to a stand-in for WhatsApp; health says so
	LogDir      string // where workers' logs are, <instance>.log; empty: none are shown

	AdminEmail    string // of the first superadmin; default admin@localhost
	AdminPassword string // empty: a random one
	JWTSecret     []byte // at least 32 bytes; empty: generated once and kept in the database
	OpenRegister  bool   // anyone may register as a user
	MaxInstances  int    // over all users; 0: no limit
	UserInstances int    // of each user who is no administrator, unless one says otherwise; 0: no limit

	CallsPerSecond int // of each instance; 0: no limit
	SendsPerMinute int // of a new instance whose creator names none; default 20, below 0: no limit

	TrustedProxies []netip.Prefix // whose X-Forwarded-For and -Proto are believed; empty: nobody's
	CORSOrigins    []string       // empty: no CORS headers
	// AllowedHosts are names under which the server may be asked beside localhost,
	// the host of PublicURL and what it listens on; see edge.NewHosts.
	AllowedHosts []string

	Limits

	CallTimeout   time.Duration // for one call of a worker; default 60 s
	AccessTTL     time.Duration // of access tokens; default 15 min
	RefreshTTL    time.Duration // of refresh tokens; default 30 days
	ShutdownGrace time.Duration // for requests in flight when Run ends; default 15 s
	// Opened are the methods of whatsmeow that may be called although they are off.
	Opened catalog.Opened
}

// Limits bound what requests may take of the machine. Zero values get the defaults
// named here.
type Limits struct {
	BodyLimit int64 // bytes of a request body; default 1 MiB; of strangers' at most 64 KiB
	// MediaBodyLimit is for calls that may carry a file, of somebody who may make
	// them; default 32 MiB.
	MediaBodyLimit int64
	// MaxFile is for a file in a form; default 2 GiB. Workers hold to it, too.
	MaxFile int64
	// MemoryBudget is how many bytes all requests under way may hold; default 512
	// MiB. One instance or user may hold a quarter, and at least one of the largest bodies.
	MemoryBudget  int64
	BodyTimeout   time.Duration // for a body to come, or for a pause in a large one; default 30 s
	ReaderTimeout time.Duration // for a reader to take 64 KiB of an answer; default 30 s
	// MaxConnections at a time, in all and from one address; 0: half of the
	// descriptors that the process may have, and half of that.
	MaxConnections, MaxConnectionsPerAddress int
}

func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:5000"
	}
	if c.AdminEmail == "" {
		c.AdminEmail = "admin@localhost"
	}
	switch {
	case c.SendsPerMinute == 0:
		c.SendsPerMinute = 20
	case c.SendsPerMinute < 0:
		c.SendsPerMinute = 0
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = 1 << 20
	}
	if c.MediaBodyLimit == 0 {
		c.MediaBodyLimit = 32 << 20
	}
	if c.MaxFile == 0 {
		c.MaxFile = 2 << 30
	}
	if c.MemoryBudget == 0 {
		c.MemoryBudget = 512 << 20
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.CallTimeout, time.Minute},
		{&c.AccessTTL, 15 * time.Minute},
		{&c.RefreshTTL, 30 * 24 * time.Hour},
		{&c.ShutdownGrace, 15 * time.Second},
		{&c.BodyTimeout, 30 * time.Second},
		{&c.ReaderTimeout, 30 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	email, err := auth.CleanEmail(c.AdminEmail)
	switch {
	case err != nil:
		return c, fmt.Errorf("admin email: %w", err)
	case len(c.JWTSecret) > 0 && len(c.JWTSecret) < 32:
		return c, fmt.Errorf("JWT secret: needs at least 32 bytes, has %d", len(c.JWTSecret))
	case c.BodyLimit < 1024:
		return c, fmt.Errorf("body limit: %d bytes are too few", c.BodyLimit)
	case c.MaxConnections < 0 || c.MaxConnectionsPerAddress < 0:
		return c, fmt.Errorf("connections: fewer than none are allowed")
	case c.MemoryBudget < 2*c.share():
		return c, fmt.Errorf("memory budget: %d bytes are too few for bodies of %d and %d", c.MemoryBudget, c.BodyLimit, c.MediaBodyLimit)
	}
	c.AdminEmail = email
	if c.AdminPassword != "" {
		if err := credential.CheckChoice(c.AdminPassword, c.AdminEmail); err != nil {
			return c, fmt.Errorf("admin password: %w", err)
		}
	}
	return c, nil
}

// queueLimit is the largest body that goes into the queue. The whole of it is in
// memory, so it is less than a call's where there is little.
func (c Config) queueLimit() int64 {
	return max(c.BodyLimit, min(c.MediaBodyLimit, (c.share()-1<<20)/queueCopies))
}

// share is how much of the memory budget one instance or user may hold.
func (c Config) share() int64 {
	return max(c.MemoryBudget/4, bodyCopies*c.MediaBodyLimit+1<<20, queueCopies*c.BodyLimit+1<<20)
}

// address is where the server is reached, when that is known already.
func (c Config) address() net.Addr {
	if c.Listener == nil {
		return nil
	}
	return c.Listener.Addr()
}
