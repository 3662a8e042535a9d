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

// Remains tells whether the process lives on this host, not merely its PID, and
// stays: a worker that let its instance go is about to end, which is waited for,
// at most evictGrace. When ctx ends it remains.
func (p Proc) Remains(ctx context.Context) bool {
	lives := func() bool {
		now, err := identify(p.PID)
		return err == nil && p.PID != 0 && now == p
	}
	if !lives() {
		return false
	}
	held, err := pin(p.PID)
	if err != nil {
		return lives()
	}
	defer held.release()
	// Asked again, since the PID may have been taken by another before it was pinned.
	return lives() && !awaitEnd(ctx, held, evictGrace)
}
