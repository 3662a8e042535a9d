package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	wire "whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/supervisor/egress"
)

// workerUID is the user of our workers.
func (c Config) workerUID() int {
	if c.WorkerUser != nil {
		return c.WorkerUser.UID
	}
	return os.Geteuid()
}

func (c Config) egressSocket() string { return filepath.Join(c.RunDir, wire.Socket) }

// serveEgress offers connections to our workers until ctx ends. Without it they
// cannot fetch what users name by URL, and everything else goes on.
func (s *Supervisor) serveEgress(ctx context.Context) {
	group := -1
	if s.cfg.WorkerUser != nil {
		group = s.cfg.WorkerUser.GID
	}
	listener, err := egress.Listen(s.cfg.egressSocket(), group)
	if err != nil {
		s.log.Error().Err(err).Msg("no file can be fetched by URL")
		return
	}
	s.egress.Serve(ctx, listener)
}

// asker names the instance whose worker a process is: the one that we pinned,
// not what it started, and not a worker that somebody else started.
func (s *Supervisor) asker(cred *unix.Ucred) (instance string, ok bool) {
	if uid := int(cred.Uid); uid != s.cfg.workerUID() && uid != os.Geteuid() { // ours: of a build that runs as we do
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, i := range s.instances {
		if p := i.process(); p != nil && p.PID() == int(cred.Pid) {
			return string(id), !p.Ended()
		}
	}
	return "", false
}

func newEgress(s *Supervisor) (*egress.Server, error) {
	allowed, err := netguard.Networks(s.cfg.MediaNetworks)
	if err != nil {
		return nil, fmt.Errorf("read MediaNetworks: %w", err)
	}
	limits := egress.Limits{Down: s.cfg.MaxFile + s.cfg.MaxFile/32} // what TLS adds
	return egress.New(limits, allowed, s.asker, s.log), nil
}

const systemResolver = "/etc/resolv.conf"

// resolverDir holds a copy of resolv.conf and nothing else, so that workers may
// read the directory: a permission for the system's own file ends when it is
// replaced.
func (c Config) resolverDir() string { return filepath.Join(c.RunDir, "resolver") }

// copyResolver keeps the copy up to date.
func (s *Supervisor) copyResolver(ctx context.Context) {
	tick := time.NewTicker(s.cfg.HealthInterval)
	defer tick.Stop()
	var last []byte
	for {
		if now, err := os.ReadFile(systemResolver); err == nil && !bytes.Equal(now, last) {
			if err := s.cfg.writeResolver(now); err != nil {
				s.log.Warn().Err(err).Msg("workers are not told of the new name servers")
			} else {
				last = now
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c Config) writeResolver(text []byte) error {
	file := filepath.Join(c.resolverDir(), filepath.Base(systemResolver))
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(file+".new", 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
