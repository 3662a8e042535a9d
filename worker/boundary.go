package worker

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/egress"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/confine"
)

// shutIn confines the process to what this worker needs. What needs more has been
// opened before.
func shutIn(boot *workerv1.Bootstrap, c *core, manager *gate, log zerolog.Logger) confine.Held {
	settings := confine.Settings{RunDir: boot.GetRunDir(), Ports: append(c.endpoint.ports(), c.db.ports()...)}
	if dir := boot.GetResolverDir(); dir != "" {
		settings.Dirs = append(settings.Dirs, dir)
		net.DefaultResolver = confine.Resolver(dir)
	}
	held := confine.Apply(settings, log)
	held.UID = manager.separate()
	return held
}

// dialMedia connects to what users name by URL: through the manager, where it
// offers that; nil where it does not.
func dialMedia(boot *workerv1.Bootstrap) func(ctx context.Context, network, address string) (net.Conn, error) {
	if boot.GetEgressSocket() == "" {
		return nil
	}
	return egress.NewDialer(boot.GetEgressSocket()).DialContext
}

// ports are where WhatsApp is.
func (e endpoint) ports() []uint16 {
	if e.addr == "" {
		return []uint16{confine.WhatsAppPort}
	}
	_, port, _ := net.SplitHostPort(e.addr)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	return []uint16{uint16(n)}
}

// ports are those of the database's hosts that are reached by TCP.
func (db *database) ports() (ports []uint16) {
	add := func(host string, port uint16) {
		if !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") {
			ports = append(ports, port)
		}
	}
	conn := db.pool.Config().ConnConfig
	add(conn.Host, conn.Port)
	for _, other := range conn.Fallbacks {
		add(other.Host, other.Port)
	}
	return ports
}
