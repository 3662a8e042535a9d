package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// rollWithin is for the workers to be of the installed build after the last
// fault. The verdict on a worker whose link is dead takes 90 s.
const rollWithin = 180 * sec

// upgrade installs the other build and lets the manager go over to it. It is
// over when the new manager answers; the workers follow one by one, whatever
// happens meanwhile.
func (l *chaosLab) upgrade(ctx context.Context, f fault) (hit bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*sec)
	defer cancel()
	next := builds[0]
	if l.installed == next {
		next = builds[1]
	}
	// Earlier, SIGHUP ends a program that has only begun, as it does any.
	err = l.until(ctx, "the manager serves", func() error {
		return l.admin.Want(ctx, http.StatusOK, http.MethodGet,
			"/api/health/live", nil, nil)
	})
	if err != nil {
		return false, err
	}
	if err := l.install(next); err != nil {
		return false, err
	}
	if f.kind == upgradeReload {
		l.stack.Signal(syscall.SIGHUP)
	} else {
		l.stack.Signal(syscall.SIGTERM)
		if err := l.stack.WaitManager(ctx); err != nil {
			return true, err
		}
		time.Sleep(f.length)
		if err := l.stack.StartManager(); err != nil {
			return true, err
		}
	}
	return true, l.until(ctx, "the manager is of "+next, func() error {
		h, err := l.health(ctx)
		if err == nil && h.Build != next {
			err = fmt.Errorf("it is of %s", h.Build)
		}
		return err
	})
}

// until asks again and again.
func (l *chaosLab) until(ctx context.Context, what string, ask func() error) error {
	tick := time.NewTicker(50 * ms)
	defer tick.Stop()
	var last error // before the end of ctx, which says nothing
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (last: %v)", what, ctx.Err(), last)
		case <-tick.C:
		}
	}
}

type health struct {
	Build   string
	Upgrade string
	Workers struct {
		InstanceID, Why string
	} `json:"workerUpgrade"`
}

// health asks as the administrator, who has to log in again when a token is over.
func (l *chaosLab) health(ctx context.Context) (h health, err error) {
	answer, err := l.admin.Do(ctx, http.MethodGet, "/api/health/detailed", nil)
	if err != nil {
		return h, err
	}
	if answer.Status == http.StatusUnauthorized {
		return h, errors.Join(errors.New("the token was over"), l.stack.Login(ctx, l.admin))
	}
	if answer.Status != http.StatusOK {
		return h, fmt.Errorf("detailed health: status %d", answer.Status)
	}
	return h, answer.Into(&h)
}

// rolled waits until every worker is of the installed build. An upgrade that
// faults had stopped is asked for once more, as an operator would, and told.
func (l *chaosLab) rolled(ctx context.Context, v *verdict) error {
	ctx, cancel := context.WithTimeout(ctx, rollWithin)
	defer cancel()
	return l.until(ctx, "every worker is of "+l.installed, func() error {
		h, err := l.health(ctx)
		if err != nil {
			return err
		}
		if h.Upgrade == "refused" {
			v.givenUp = append(v.givenUp, fmt.Sprintf("%s: %s", h.Workers.InstanceID, h.Workers.Why))
			err := l.admin.Want(ctx, http.StatusAccepted, http.MethodPost, "/api/health/upgrade/retry", nil, nil)
			return errors.Join(errors.New("it was given up and asked for again"), err)
		}
		for _, s := range l.instances {
			in, err := s.client.Instance(ctx, s.id)
			if err != nil {
				return err
			}
			if !ofBuild(in, l.installed) {
				return fmt.Errorf("instance %d is of %q, outdated %t; upgrade: %s %s", s.nr, in.Build,
					in.Outdated, h.Upgrade, h.Workers.Why)
			}
		}
		return nil
	})
}

func ofBuild(in stack.Instance, stamp string) bool { return in.Build == stamp && !in.Outdated }
