package confine

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ResolverCopy is the name of the manager's copy of resolv.conf in its directory.
const ResolverCopy = "resolv.conf"

// Resolver finds names as Go does, and keeps working when the system's resolv.conf is
// replaced while the process is confined. The process may not read the new file, and Go
// would then ask this host. Resolver takes the servers from the copy in dir instead, which
// the manager keeps up to date. With an empty dir it is Go's own resolver.
func Resolver(dir string) *net.Resolver {
	if dir == "" {
		return net.DefaultResolver
	}
	copied := filepath.Join(dir, ResolverCopy)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, nameServer(resolverFile, copied, address))
	}}
}

// nameServer is the address to ask instead of the one that Go chose. It is the same one
// while the system's file can be read or does not exist.
func nameServer(system, copied, address string) string {
	f, err := os.Open(system)
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, fs.ErrPermission) {
		return address
	}
	servers := nameServers(copied)
	if len(servers) == 0 {
		return address
	}
	// Go tries two addresses of this host when it has no server, one after the other.
	n := 0
	if host, _, err := net.SplitHostPort(address); err == nil && strings.Contains(host, ":") {
		n = 1
	}
	return net.JoinHostPort(servers[n%len(servers)], "53")
}

func nameServers(file string) (servers []string) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan() && len(servers) < 3; {
		word := strings.Fields(lines.Text())
		if len(word) < 2 || word[0] != "nameserver" {
			continue
		}
		if host, _, _ := strings.Cut(word[1], "%"); net.ParseIP(host) != nil {
			servers = append(servers, word[1])
		}
	}
	return servers
}
