package supervisor

import (
	"errors"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"

	"whatsapp-manager/proto/process"
)

// note changes the status and wakes whoever watches it.
func (i *instance) note(change func(*Status)) {
	i.mu.Lock()
	change(&i.status)
	i.mu.Unlock()
	i.s.hub.Publish(i.id)
}

// figure changes figures that nobody needs to be woken for.
func (i *instance) figure(change func(*Status)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.status)
}

func (i *instance) snapshot() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.status
}

// assign gives the instance a build for its starts from now on.
func (i *instance) assign(p programID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.given = p
}

// program is the build that the next start uses.
func (i *instance) program() programID {
	i.mu.Lock()
	given := i.given
	i.mu.Unlock()
	book, newest := i.s.programs.read()
	switch {
	case newest == "" && book.Trusted == "":
		return ""
	case given != "" && (book.Refused == nil || book.Refused.Program != given):
		return given
	}
	return book.Trusted
}

func (i *instance) process() *process.Process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.proc
}

func (i *instance) attachment() *attachment {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.att
}

// hold makes p the instance's process, and lets go of the one before.
func (i *instance) hold(p *process.Process) {
	i.mu.Lock()
	old := i.proc
	i.proc = p
	i.mu.Unlock()
	if old != nil && old != p {
		old.Release()
	}
}

// hang makes a the instance's attachment, and drops the one before.
func (i *instance) hang(a *attachment) {
	i.mu.Lock()
	old := i.att
	i.att = a
	i.mu.Unlock()
	if old != nil && old != a {
		old.drop()
	}
}

// stub returns the way to the worker, or what to tell who asked for it.
func (i *instance) stub(op string) (workerv1.WorkerClient, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.att != nil && i.status.State == Running {
		return i.att.worker, nil
	}
	st := i.status
	if st.Desired != Run {
		return nil, fault.New(fault.Stopped, op, "the instance is stopped")
	}
	if st.State == Failed {
		f := fault.Wrap(fault.Unavailable, op, errors.New(st.LastError), "the worker keeps failing and waits for its next try")
		f.RetryAfter = max(time.Until(st.RetryAt), time.Second)
		return nil, f
	}
	f := fault.New(fault.Starting, op, "the worker is starting")
	f.RetryAfter = time.Second
	if wait := time.Until(st.RetryAt); wait > f.RetryAfter {
		f.RetryAfter = wait
	}
	return nil, f
}
