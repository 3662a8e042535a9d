package supervisor

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

// finish ends the instance's process, and whoever else takes the lock meanwhile.
func (i *instance) finish(ctx context.Context) result {
	p := i.process()
	if p == nil { // stopped between two looks of a start
		return result{event: exited, why: i.end.why, cause: i.end.cause}
	}
	by := i.shutDown(ctx, p)
	if by == "" {
		return result{}
	}
	i.setAttachment(nil)
	out := i.exitOutcome(p)
	if !i.end.asked && i.end.why != "" {
		out.why, out.cause = i.end.why, i.end.cause
	} else if by != "stop" {
		out.why += " (" + by + ")"
	}
	out.exit.Reason = out.why
	for {
		_, other, err := i.look()
		if err != nil || other == nil {
			return out
		}
		i.setProcess(other)
		if !i.killed(ctx, other) {
			return result{}
		}
	}
}

// shutDown asks, then tells, then kills, and names what worked; "" when ctx ended before.
func (i *instance) shutDown(ctx context.Context, p *process.Process) (by string) {
	cfg := i.s.cfg
	if !i.end.kill {
		asking, cancel := context.WithTimeout(ctx, cfg.StopGrace)
		defer cancel()
		a := i.attachment()
		if a == nil || a.Process != p {
			if fresh, err := i.tryAttach(asking, p); err == nil {
				i.setAttachment(fresh)
				a = fresh
			} else {
				a = nil
			}
		}
		if a != nil {
			if _, err := a.Worker.Stop(asking, &workerv1.StopRequest{Reason: i.end.why}); err == nil {
				if p.AwaitEnd(asking, cfg.StopGrace) {
					return "stop"
				}
			} else if !p.Ended() {
				i.log.Warn().Err(err).Int("pid", p.PID()).Msg("stop call failed")
			}
		}
		if ctx.Err() != nil {
			return ""
		}
		killed, err := p.Terminate(ctx, cfg.TermGrace)
		if err == nil && !killed {
			return "stop"
		}
		if err != nil && ctx.Err() == nil {
			i.log.Warn().Err(err).Msg("worker not terminated")
		}
	}
	if !i.killed(ctx, p) {
		return ""
	}
	return "killed"
}

// killed ends a process at once, and reports false when ctx ended before it did.
func (i *instance) killed(ctx context.Context, p *process.Process) bool {
	err := p.Kill(ctx)
	if err == nil {
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	i.log.Error().Err(err).Msg("worker not killed")
	select { // somebody else may
	case <-p.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// exitOutcome is the result of a process that has ended, with the best account of why.
func (i *instance) exitOutcome(p *process.Process) result {
	st := i.snapshot()
	exit := Exit{At: time.Now(), Reason: "killed or crashed", Code: -1}
	cause := "crash"
	if status, known := p.ExitStatus(); known {
		switch {
		case status.Exited():
			exit.Code = status.ExitStatus()
			exit.Reason = fmt.Sprintf("exit code %d", exit.Code)
		case status.Signaled():
			exit.Code = 128 + int(status.Signal())
			exit.Reason = "killed by " + unix.SignalName(status.Signal())
		}
	}
	if w := i.s.dir(i.id).LastWords(st.Generation); w != nil {
		exit.Code, exit.Reason, cause = w.Code, w.Reason, "left"
		if w.Detail != "" {
			exit.Reason += ": " + w.Detail
		}
	} else if i.logFrom >= 0 {
		if tail := workerproc.LogTail(i.s.cfg.logPath(i.id), i.logFrom); tail != "" {
			exit.Reason += ", last line of its log: " + tail
		}
	}
	return result{event: exited, why: exit.Reason, exit: &exit, cause: cause}
}

// account books the end of a process, and says whether the breaker holds.
func (i *instance) account(out result) event {
	asked := i.snapshot().State == Stopping && i.end.asked
	stopped := time.Now()
	ran := time.Duration(0)
	if !i.attached.IsZero() {
		ran = stopped.Sub(i.attached)
	}
	i.attached = time.Time{}
	i.setAttachment(nil)
	i.setProcess(nil)
	st := i.snapshot()
	if out.exit != nil {
		i.log.Info().Uint64("gen", st.Generation).Str("reason", out.why).Bool("asked", asked).Dur("ran", ran).Msg("worker ended")
		exit := *out.exit
		i.s.metrics.exits.WithLabelValues(out.cause).Inc()
		i.record("", "exit", func(ctx context.Context) error {
			return i.s.store.RecordExit(ctx, i.id, st.Generation, exit)
		})
	}
	i.note(func(st *Status) {
		st.Proc, st.Link, st.RSSBytes, st.CPUPercent, st.StartedAt, st.program = Proc{}, nil, 0, 0, time.Time{}, ""
		st.Unreadable = nil
		if !asked {
			st.LastError = out.why
		}
	})
	i.end = end{}
	switch {
	case i.wanted() != Run:
		return exited
	case asked:
		i.retryIn(0)
		return exited
	case out.refuse:
		i.noStore++
		i.retryIn(i.pauses.store.Next())
		return exited
	}
	i.cause = out.cause
	delay, open := i.breaker.exited(stopped, ran)
	i.retryIn(delay)
	if open {
		i.note(func(st *Status) {
			st.LastError = fmt.Sprintf("gave up after %d ends in a row, the last one: %s", i.breaker.streak, out.why)
		})
		return tripped
	}
	return exited
}
