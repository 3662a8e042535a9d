package host

import (
	"net"

	"github.com/rs/zerolog"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/confine"
)

// Confine restricts the process to what this worker needs: its run directory, and the
// given TCP ports. Whatever needs more has to be open before.
func Confine(boot *workerv1.Bootstrap, ports []uint16, manager *Gate, log zerolog.Logger) confine.Held {
	settings := confine.Settings{RunDir: boot.GetRunDir(), Ports: ports}
	if dir := boot.GetResolverDir(); dir != "" {
		settings.Dirs = append(settings.Dirs, dir)
		net.DefaultResolver = confine.Resolver(dir)
	}
	held := confine.Apply(settings, log)
	held.UID = manager.separate()
	return held
}
