package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of what comes after the last fault. A connection that is dead without
// being closed is found within 90 s, which is the longest of what may be pending.
const (
	readyWithin = 120 * sec
	drainWithin = 120 * sec
)

// run injects faults into an installation under load and judges what became of
// every message. An error means that the run itself did not get to its end.
func run(ctx context.Context, o options) (v *verdict, err error) {
	l, err := openLab(ctx, o)
	if l != nil {
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	if err != nil {
		return nil, err
	}
	o.say("%d instances paired", len(l.instances))
	v = &verdict{began: time.Now()}
	defer func() { err = errors.Join(err, l.keepLogs()) }()
	if err := l.storm(ctx, v); err != nil {
		return v, errors.Join(err, l.stack.Tail())
	}
	v.wrong = append(v.wrong, v.twice...)
	v.judgeClock()
	l.judge(ctx, v)
	l.leftovers(ctx, v)
	return v, nil
}

// storm is the load with the faults, and the calm after it.
func (l *chaosLab) storm(ctx context.Context, v *verdict) error {
	retrying, giveUp := context.WithCancel(ctx) // of clients that repeat what failed
	defer giveUp()
	reading, endReading := context.WithCancel(ctx)
	defer endReading()
	flowing, endFlows := context.WithCancel(ctx)
	defer endFlows()
	watching, endWatch := context.WithCancel(ctx)
	defer endWatch()

	var readers, watcher sync.WaitGroup
	defer readers.Wait()
	defer endReading()
	for _, s := range l.instances {
		readers.Go(func() { s.follow(reading) })
	}
	watcher.Go(func() {
		v.looks, v.twice = l.watchOverlaps(watching)
	})
	defer watcher.Wait()
	defer endWatch()
	gap := time.Duration(float64(time.Second) / l.o.rate)
	flows, _ := errgroup.WithContext(ctx)
	for _, s := range l.instances {
		flows.Go(func() error { return s.write(flowing, gap) })
		flows.Go(func() error { s.order(flowing, retrying, l.o.seed, gap, v); return nil })
	}
	defer func() { endFlows(); giveUp(); _ = flows.Wait() }() // its error was returned below, or another one is

	if err := l.rage(ctx, &v.history); err != nil {
		return err
	}
	l.o.say("%d faults injected; waiting for everything to be well", len(v.history.all))
	l.heal()
	calm := time.Now()
	if err := l.ready(ctx); err != nil {
		return err
	}
	v.ready = time.Since(calm)
	rolling := time.Now()
	if err := l.rolled(ctx, v); err != nil {
		return err
	}
	v.rolled = time.Since(rolling)
	if err := l.ready(ctx); err != nil { // the last ones were replaced after they had been
		return err
	}
	endFlows()
	time.AfterFunc(drainWithin, giveUp)
	if err := flows.Wait(); err != nil {
		return err
	}
	v.drained = l.drain(ctx, v)
	return ctx.Err()
}

// rage plays all tracks of the schedule at the same time.
func (l *chaosLab) rage(ctx context.Context, h *history) error {
	ctx, cancel := context.WithTimeout(ctx, l.o.length)
	defer cancel()
	p := schedule(l.o)
	began := time.Now()
	var group errgroup.Group
	for _, track := range tracks() {
		group.Go(func() error {
			err := l.play(ctx, began, p[track.name], h)
			if err != nil {
				cancel()
			}
			return err
		})
	}
	return group.Wait()
}

// ready waits until every instance can be used.
func (l *chaosLab) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := l.stack.Ready(ctx); err != nil {
		return err
	}
	for _, s := range l.instances {
		if _, err := s.client.Ready(ctx, s.id); err != nil {
			return fmt.Errorf("instance %d does not come back: %w", s.nr, err)
		}
	}
	return nil
}

// drain waits until every message is where it belongs, and every queue is empty.
func (l *chaosLab) drain(ctx context.Context, v *verdict) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	began := time.Now()
	tick := time.NewTicker(50 * ms)
	defer tick.Stop()
	for {
		var missing string
		for _, s := range l.instances {
			if missing = s.complete(); missing != "" {
				break
			}
		}
		for _, s := range l.instances {
			if missing == "" {
				missing = s.waiting(ctx)
			}
		}
		if missing == "" {
			return time.Since(began)
		}
		select {
		case <-ctx.Done():
			v.fail("not everything arrived within %s: %s", drainWithin, missing)
			return time.Since(began)
		case <-tick.C:
		}
	}
}
