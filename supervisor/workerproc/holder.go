package workerproc

import (
	"errors"

	"whatsapp-manager/proto/process"
)

// ErrUnnamed says that an instance is held by a process that nobody can name or signal.
var ErrUnnamed = errors.New("the instance is held by a process that cannot be named: of another container, or without a listening guard socket")

// Holder is who speaks for an instance.
type Holder struct {
	Process *process.Process // nil when nobody holds it, or the holder cannot be named; the caller releases it
	Held    bool             // somebody holds the lock file or the guard socket
	Hidden  bool             // the guard socket only: the run directory was deleted under the holder
}

// FindHolder asks the kernel who holds an instance: by the lock file in its run
// directory or else by its guard socket. Held without a Process means that the
// holder cannot be named.
func FindHolder(dir Dir, guard string) (Holder, error) {
	for {
		pid, held, err := dir.LockHolder()
		if err != nil {
			return Holder{}, err
		}
		if !held {
			break
		}
		if pid == 0 {
			return Holder{Held: true}, nil
		}
		p, err := process.Watch(pid)
		if err != nil { // it ended in between
			continue
		}
		if again, _, err := dir.LockHolder(); err != nil || again != pid {
			p.Release()
			continue
		}
		return Holder{Process: p, Held: true}, nil
	}
	pid, held := guardHolder(guard)
	if !held || pid == 0 {
		return Holder{Held: held, Hidden: held}, nil
	}
	p, err := process.Watch(pid)
	if err != nil {
		return Holder{}, nil //nolint:nilerr // it ended in between, and nobody else has the socket
	}
	if again, _ := guardHolder(guard); again != pid {
		p.Release()
		return Holder{}, nil
	}
	return Holder{Process: p, Held: true, Hidden: true}, nil
}
