package supervisor

import (
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
)

// UpgradeState says how far the workers are on their way to the installed build.
type UpgradeState string

const (
	UpgradeNone    UpgradeState = "none"    // every worker is of the installed build
	UpgradeCanary  UpgradeState = "canary"  // the first worker of the new build has to prove itself
	UpgradeRolling UpgradeState = "rolling" // the others follow, one by one
	UpgradeWaiting UpgradeState = "waiting" // no worker is in a state from which anything could be learnt
	UpgradeRefused UpgradeState = "refused" // the new build did not come back; the one before goes on
	UpgradeOff     UpgradeState = "off"     // builds cannot be kept, see Why
)

// Upgrade is the present of the way to the installed build of the worker.
type Upgrade struct {
	State    UpgradeState
	Program  string    // the installed build's content, shortened SHA-256
	Trusted  string    // the build that workers are started with
	Replaced int       // workers that came back with the installed build since this manager began
	Outdated int       // workers of another build
	Instance ID        // the one that is being replaced, or whose worker did not come back
	Why      string    // in words, for Refused, Waiting and Off
	At       time.Time // of the last change of State
}

type upgrade struct {
	again chan struct{} // written by RetryUpgrade, read by watchUpgrade

	mu  sync.Mutex
	now Upgrade // guarded by mu
}

// Upgrade tells how far the workers are on their way to the installed build.
func (s *Supervisor) Upgrade() Upgrade {
	s.upgrade.mu.Lock()
	u := s.upgrade.now
	s.upgrade.mu.Unlock()
	book, newest := s.programs.read()
	u.Program, u.Trusted = string(newest), string(book.Trusted)
	for _, st := range s.Statuses() {
		if st.Outdated {
			u.Outdated++
		}
	}
	return u
}

// RetryUpgrade tries the installed build again that was refused; fault.Conflict
// when none was.
func (s *Supervisor) RetryUpgrade() error {
	const op = "supervisor.RetryUpgrade"
	book, newest := s.programs.read()
	if book.Refused == nil || book.Refused.Program != newest {
		return fault.New(fault.Conflict, op, "the installed build of the worker was not refused")
	}
	if err := s.programs.change(func(b *programBook) { b.Refused = nil }); err != nil {
		return fault.Wrap(fault.Internal, op, err, "the decision could not be written down")
	}
	select {
	case s.upgrade.again <- struct{}{}:
	default:
	}
	return nil
}

// dated adds to a status what only the installed build makes true.
func (s *Supervisor) dated(st Status) Status {
	_, newest := s.programs.read()
	st.Outdated = newest != "" && st.Proc.PID != 0 && st.program != newest
	return st
}

func (s *Supervisor) programOf(id ID, proc Proc) programID {
	if s.cfg.ProgramDir == "" {
		return ""
	}
	return programOfWorker(s.dir(id), proc)
}

// upgradeIs publishes a change.
func (s *Supervisor) upgradeIs(state UpgradeState, id ID, why string) {
	s.upgrade.mu.Lock()
	u := &s.upgrade.now
	changed := u.State != state || u.Why != why
	if changed {
		u.At = time.Now()
	}
	u.State, u.Instance, u.Why = state, id, why
	s.upgrade.mu.Unlock()
	if changed {
		s.log.Info().Str("upgrade", string(state)).Str("instance", string(id)).Str("why", why).Msg("upgrade of the workers")
	}
}
