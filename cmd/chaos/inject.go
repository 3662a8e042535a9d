package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// injected is a fault that has happened.
type injected struct {
	fault
	over time.Time // when its cause was gone and recovery could begin
	who  []*instanceUnderTest
}

// history is what has happened so far.
type history struct {
	mu     sync.Mutex
	all    []injected
	missed map[string]int // faults that found nothing to hit, by kind
}

func (h *history) add(i injected) { h.mu.Lock(); h.all = append(h.all, i); h.mu.Unlock() }

func (h *history) miss(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missed == nil {
		h.missed = map[string]int{}
	}
	h.missed[kind]++
}

// count is how often each kind happened.
func (h *history) count() map[string]int {
	counts := map[string]int{}
	for _, i := range h.all {
		counts[i.kind]++
	}
	return counts
}

// ahead tells whether the clock was ahead at a moment between the two.
func (h *history) ahead(from, to time.Time) bool {
	if h.missed[clockForward] > 0 {
		return true // of one that nobody was seen to have it is not told when it was
	}
	return slices.ContainsFunc(h.all, func(i injected) bool {
		return i.kind == clockForward && i.over.After(from) && i.over.Add(-i.length).Before(to)
	})
}

// play injects a track's faults at their times, one after the other, until ctx
// ends. A fault that has begun is brought to its end.
func (l *chaosLab) play(ctx context.Context, began time.Time, faults []fault, h *history) error {
	for _, f := range faults {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(began.Add(f.at))):
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the time of the faults is over
		}
		f.at = time.Since(began)
		hit, err := l.inject(context.WithoutCancel(ctx), f)
		if err != nil {
			return fmt.Errorf("inject %s: %w", f.kind, err)
		}
		if !hit {
			h.miss(f.kind)
			continue
		}
		i := injected{fault: f, over: time.Now(), who: l.instances}
		if f.victim >= 0 {
			i.who = l.instances[f.victim : f.victim+1]
		}
		h.add(i)
		for _, s := range i.who {
			select {
			case s.nudge <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// inject makes the fault happen and returns when its cause is gone. hit is false
// when there was nothing to hit, such as no connection to break.
func (l *chaosLab) inject(ctx context.Context, f fault) (hit bool, err error) {
	switch f.kind {
	case upgradeReload, upgradeRestart:
		return l.upgrade(ctx, f)
	case clockForward, clockBack:
		return l.stepClock(ctx, f)
	case managerKill:
		l.stack.KillManager()
		time.Sleep(f.length) // nobody is there for so long
		return true, l.stack.StartManager()
	case managerTerm:
		l.stack.Signal(syscall.SIGTERM)
		ending, cancel := context.WithTimeout(ctx, 60*sec)
		defer cancel()
		if err := l.stack.WaitManager(ending); err != nil {
			return true, err
		}
		time.Sleep(f.length)
		return true, l.stack.StartManager()
	case postgresFast, postgresHard:
		how := syscall.SIGINT
		if f.kind == postgresHard {
			how = syscall.SIGQUIT
		}
		pid := l.stack.Postgres()
		return pid != 0, signalTo(pid, how)
	case diskFull:
		return l.fillDisk(f.length)
	case workerKill, workerStop, workerLeak:
		return l.hurtWorker(ctx, f)
	case hookSlow, hookFail, hookHang, hookDown:
		return true, l.hurtHook(f)
	case linkPasskey:
		return l.linkNewcomer(ctx, f)
	case apiLoad:
		l.load(ctx, f.length)
		return true, nil
	}
	return l.hurtLink(f)
}

func signalTo(pid int, sig syscall.Signal) error {
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (l *chaosLab) hurtWorker(ctx context.Context, f fault) (hit bool, err error) {
	pids := l.stack.Workers()[l.instances[f.victim].id]
	if len(pids) == 0 {
		return false, nil
	}
	pid := pids[0]
	switch f.kind {
	case workerKill:
		return true, signalTo(pid, syscall.SIGKILL)
	case workerStop:
		if err := signalTo(pid, syscall.SIGSTOP); err != nil {
			return false, err
		}
		time.Sleep(f.length)
		return true, signalTo(pid, syscall.SIGCONT)
	}
	trigger := leakOf(l.Bin, pid)
	if err := os.WriteFile(trigger, nil, 0o600); err != nil {
		return false, err
	}
	defer os.Remove(trigger)
	ctx, cancel := context.WithTimeout(ctx, 90*sec)
	defer cancel()
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-ctx.Done():
			return true, fmt.Errorf("worker %d leaks and nobody ends it", pid)
		case <-time.After(20 * ms):
		}
	}
	return true, nil
}

func (l *chaosLab) hurtHook(f fault) error {
	switch f.kind {
	case hookSlow:
		l.hook.slow(700 * ms)
		time.Sleep(f.length)
		l.hook.slow(0)
	case hookFail:
		l.hook.answer(500)
		time.Sleep(f.length)
		l.hook.answer(200)
	case hookHang:
		release := l.hook.hanging()
		time.Sleep(f.length)
		release()
	case hookDown:
		l.hook.down()
		time.Sleep(f.length)
		return l.hook.up()
	}
	return nil
}

// load asks for chats and states as fast as the product answers.
func (l *chaosLab) load(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, s := range l.instances {
		all.Go(func() {
			for ctx.Err() == nil {
				for _, method := range []string{"getChats", "getState", "getContacts"} {
					// What it answers is not the question here; that it holds up nothing is.
					if s.client.Call(ctx, s.key, method, nil) != nil {
						time.Sleep(50 * ms)
					}
				}
			}
		})
	}
}

func (l *chaosLab) hurtLink(f fault) (hit bool, err error) {
	s := l.instances[f.victim]
	d := s.device()
	if d == nil {
		return false, fmt.Errorf("instance %d is no longer linked", f.victim)
	}
	hit = d.ConnectionID() != 0
	switch f.kind {
	case linkDrop:
		d.Drop()
	case linkTear:
		d.DropMidFrame()
	case linkClose:
		d.CloseClean()
	case linkStall:
		d.BlackHole()
		time.Sleep(f.length)
		d.Resume()
	case linkHole:
		d.BlackHole()
	case linkGarbage:
		d.Garbage(f.count)
	case linkDelay:
		d.Delay(400 * ms)
		time.Sleep(f.length)
		d.Delay(0)
	case linkError:
		d.StreamError(503 + 12*(f.victim%2)) // 503, or 515: connect again at once
	case linkEnd:
		d.StreamEnd()
	case linkRepeat:
		hit = d.RepeatLast()
	case loginRefused:
		d.RefuseLogin(503, f.count)
		d.Drop()
	case noWebsocket:
		l.Sim.RefuseUpgrade(502, f.count)
		d.Drop()
	case ackLost:
		d.LoseAcks(f.count)
	default:
		return false, fmt.Errorf("nobody knows how to do that")
	}
	return hit, nil
}

// heal takes back whatever faults are planned and not used up.
func (l *chaosLab) heal() {
	l.Sim.Heal()
	for _, s := range l.instances {
		s.account.Heal()
		if d := s.device(); d != nil {
			d.Heal()
		}
	}
}
