package main

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// recovery measures what a fault costs one account: the time until it can be
// used again, and until a message that was sent at the moment of the fault is
// at the webhook. The baseline is a message without a fault.
func recovery(ctx context.Context, l *benchLab) error {
	// One account for each round: the second end of a worker waits longer for its
	// restart than the first, and the fifth opens the circuit breaker.
	rounds := l.of(10, 1)
	return l.with(ctx, func(s *stack.Stack) error {
		all, err := l.link(ctx, s, rounds)
		if err != nil {
			return err
		}
		hook, err := newLedger(ctx, s, all)
		if err != nil {
			return err
		}
		defer hook.close()
		sender, err := l.newSender(ctx, all, hook)
		if err != nil {
			return err
		}
		var calm []time.Duration
		for range l.of(20, 3) {
			took, err := sender.message(ctx, all[0], time.Now())
			if err != nil {
				return err
			}
			calm = append(calm, took)
		}
		for _, f := range faults {
			var ready, message []time.Duration
			for round := range rounds {
				a := all[round]
				r, m, err := l.suffer(ctx, s, a, sender, f.inflict)
				if err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
				ready, message = append(ready, r), append(message, m)
			}
			l.table.row(f.name, extremes(ready)+"  ready    "+extremes(message)+"  message sent at the fault",
				latencies(calm)+"  message without a fault", "")
		}
		return nil
	})
}

// extremes prints what matters of a few samples.
func extremes(d []time.Duration) string {
	return fmt.Sprintf("p50 %s  max %s", ms(quantile(d, 0.5)), ms(quantile(d, 1)))
}

// fault breaks something of the stack or the account, and returns what tells
// that the product has noticed and mended it, apart from the instance being ready.
type fault func(ctx context.Context, s *stack.Stack, a *linked) (mended func(stack.Instance) bool, err error)

var faults = []struct {
	name    string
	inflict fault
}{
	{"kill -9 of the worker", func(ctx context.Context, s *stack.Stack, a *linked) (func(stack.Instance) bool, error) {
		before, err := s.Client.Instance(ctx, a.id)
		if err != nil {
			return nil, err
		}
		return func(in stack.Instance) bool { return in.PID != before.PID }, syscall.Kill(before.PID, syscall.SIGKILL)
	}},
	{"kill -9 of the manager, started at once", func(_ context.Context, s *stack.Stack,
		_ *linked,
	) (func(stack.Instance) bool, error) {
		s.KillManager()
		return func(stack.Instance) bool { return true }, s.StartManager()
	}},
	{"restart of Postgres, fast", restart(syscall.SIGINT)},
	{"restart of Postgres, immediate", restart(syscall.SIGQUIT)},
	{"dropped connection to WhatsApp", func(_ context.Context, _ *stack.Stack,
		a *linked,
	) (func(stack.Instance) bool, error) {
		d := a.device()
		before := d.ConnectionID()
		d.Drop()
		return func(stack.Instance) bool { return d.ConnectionID() != before && d.Connected() }, nil
	}},
}

// restart ends the postmaster and returns when it is gone: what is sent before
// that may still be committed.
func restart(sig syscall.Signal) fault {
	return func(ctx context.Context, s *stack.Stack, _ *linked) (func(stack.Instance) bool, error) {
		before := s.Postgres()
		if before == 0 {
			return nil, fmt.Errorf("no Postgres found")
		}
		if err := syscall.Kill(before, sig); err != nil {
			return nil, fmt.Errorf("end Postgres: %w", err)
		}
		err := until(ctx, "Postgres is gone", time.Millisecond, func() (bool, error) { return s.Postgres() != before, nil })
		return func(stack.Instance) bool { return s.Postgres() != 0 }, err
	}
}

// suffer inflicts one fault and returns both times, counted from it.
func (l *benchLab) suffer(ctx context.Context, s *stack.Stack, a *linked, sender *sender,
	inflict fault,
) (ready, message time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	began := time.Now()
	mended, err := inflict(ctx, s, a)
	if err != nil {
		return 0, 0, err
	}
	arrived := make(chan error, 1)
	go func() {
		var err error
		message, err = sender.message(ctx, a, began)
		arrived <- err
	}()
	err = until(ctx, "the instance is ready again", 5*time.Millisecond, func() (bool, error) {
		answer, err := s.Client.Do(ctx, http.MethodGet, "/api/health/ready", nil)
		if err != nil || answer.Status != http.StatusOK {
			return false, err
		}
		in, err := s.Client.Instance(ctx, a.id)
		return err == nil && in.Status == "ready" && mended(in), err
	})
	ready = time.Since(began)
	if aerr := <-arrived; err == nil {
		err = aerr
	}
	return ready, message, err
}
