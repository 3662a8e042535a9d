package supervisor

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// finish ends the instance's process, and whoever else takes the lock meanwhile.
func (i *instance) finish(ctx context.Context) outcome {
	p := i.process()
	if p == nil { // stopped between two looks of a start
		return outcome{event: exited, why: i.end.why, cause: i.end.cause}
	}
	by := i.shutDown(ctx, p)
	if by == "" {
		return outcome{}
	}
	i.hang(nil)
	out := i.epitaph(p)
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
		i.hold(other)
		if !i.killed(ctx, other) {
			return outcome{}
		}
	}
}

// shutDown asks, then tells, then kills, and names what worked; "" when ctx ended before.
func (i *instance) shutDown(ctx context.Context, p *process) (by string) {
	cfg := i.s.cfg
	if !i.end.kill {
		asking, cancel := context.WithTimeout(ctx, cfg.StopGrace)
		defer cancel()
		a := i.attachment()
		if a == nil || a.proc != p {
			if fresh, err := i.tryAttach(asking, p); err == nil {
				i.hang(fresh)
				a = fresh
			} else {
				a = nil
			}
		}
		if a != nil {
			if _, err := a.worker.Stop(asking, &workerv1.StopRequest{Reason: i.end.why}); err == nil {
				if awaitEnd(asking, p, cfg.StopGrace) {
					return "stop"
				}
			} else if !p.ended() {
				i.log.Warn().Err(err).Int("pid", p.pid).Msg("stop call failed")
			}
		}
		if ctx.Err() != nil {
			return ""
		}
		if err := p.signal(unix.SIGTERM); err != nil {
			i.log.Warn().Err(err).Msg("worker not terminated")
		}
		if awaitEnd(ctx, p, cfg.TermGrace) {
			return "stop"
		}
	}
	if !i.killed(ctx, p) {
		return ""
	}
	return "killed"
}

// killed ends a process at once, and reports false when ctx ended before it did.
func (i *instance) killed(ctx context.Context, p *process) bool {
	if ctx.Err() != nil {
		return false
	}
	if err := p.signal(unix.SIGKILL); err != nil {
		i.log.Error().Err(err).Msg("worker not killed")
	}
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func awaitEnd(ctx context.Context, p *process, grace time.Duration) bool {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// epitaph is the outcome of a process that has ended, with the best account of why.
func (i *instance) epitaph(p *process) outcome {
	st := i.snapshot()
	exit := Exit{At: time.Now(), Reason: "killed or crashed", Code: -1}
	cause := "crash"
	if p.child {
		switch {
		case p.status.Exited():
			exit.Code = p.status.ExitStatus()
			exit.Reason = fmt.Sprintf("exit code %d", exit.Code)
		case p.status.Signaled():
			exit.Code = 128 + int(p.status.Signal())
			exit.Reason = "killed by " + unix.SignalName(p.status.Signal())
		}
	}
	if w := i.s.dir(i.id).lastWords(st.Generation); w != nil {
		exit.Code, exit.Reason, cause = w.Code, w.Reason, "left"
		if w.Detail != "" {
			exit.Reason += ": " + w.Detail
		}
	} else if i.logFrom >= 0 {
		if tail := logTail(logPath(i.s.cfg, i.id), i.logFrom); tail != "" {
			exit.Reason += ", last line of its log: " + tail
		}
	}
	return outcome{event: exited, why: exit.Reason, exit: &exit, cause: cause}
}
