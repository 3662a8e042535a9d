package workerproc

import (
	"context"
	"errors"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// EvictGrace is how long a worker that lost its instance may take to end by itself.
const EvictGrace = 10 * time.Second

// Evict ends whoever speaks for an instance on this host, without the manager
// and whether one runs or not, and returns when nobody does. The worker closes
// its link and logs nobody out. The caller has made sure in the store that no
// manager starts the next one. Conflict when the holder cannot be named.
func Evict(ctx context.Context, runDir, node, instance string) error {
	const op = "workerproc.Evict"
	if !IsInstance(instance) {
		return fault.Bad(op, "id", "an instance id has twelve characters of a-z and 0-9")
	}
	for {
		h, err := FindHolder(DirOf(runDir, instance), workerv1.GuardName(node, instance))
		switch {
		case err != nil:
			return err
		case !h.Held:
			return nil
		case h.Process == nil:
			return fault.New(fault.Conflict, op, "%s", ErrUnnamed.Error())
		}
		_, err = h.Process.Terminate(ctx, EvictGrace)
		h.Process.Release()
		if err != nil {
			return fault.Wrap(fault.Deadline, op, errors.Join(ctx.Err(), err), "the worker has not ended yet")
		}
	}
}
