package supervisor

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// evictGrace is how long a worker may take to end by itself.
const evictGrace = 10 * time.Second

// Evict ends whoever speaks for an instance on this host, without the manager
// and whether one runs or not, and returns when nobody does. The worker closes
// its link and logs nobody out. The caller has made sure in the store that no
// manager starts the next one. Conflict when the holder cannot be named.
func Evict(ctx context.Context, runDir, node string, id ID) error {
	const op = "supervisor.Evict"
	if !idPattern.MatchString(string(id)) {
		return fault.Bad(op, "id", "an instance id has twelve characters of a-z and 0-9")
	}
	for {
		p, held, _, err := holderOf(rundir(runDir+"/"+string(id)), workerv1.GuardName(node, string(id)))
		switch {
		case err != nil:
			return err
		case !held:
			return nil
		case p == nil:
			return fault.New(fault.Conflict, op, "%s", errUnnamed.Error())
		}
		ended := evict(ctx, p)
		p.release()
		if !ended {
			return fault.Wrap(fault.Deadline, op, ctx.Err(), "the worker has not ended yet")
		}
	}
}

func evict(ctx context.Context, p *process) bool {
	if p.signal(unix.SIGTERM) == nil && awaitEnd(ctx, p, evictGrace) {
		return true
	}
	if ctx.Err() != nil || p.signal(unix.SIGKILL) != nil {
		return p.ended()
	}
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Lives tells whether the process is alive on this host: not merely its PID.
func (p Proc) Lives() bool {
	now, err := identify(p.PID)
	return err == nil && p.PID != 0 && now == p
}
