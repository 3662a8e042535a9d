package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// soakPlan is how long how many instances are kept under how many messages a second.
type soakPlan struct {
	span      time.Duration
	instances int
	rate      float64
}

const (
	soakPeople = 10 // instances for each person who writes to them and is written to
	soakAtOnce = 128
)

// The three directions take turns.
const (
	fromPhone = iota // a person's phone to an instance, until the webhook
	toPhone          // an instance's API to a person's phone
	between          // an instance's API to another instance, until the webhook
	directions
)

var directionNames = [directions]string{"phone to webhook", "API to phone", "API to webhook of another"}

// message is one text on its way.
type soakMessage struct {
	direction int
	sent      time.Time // before it was handed over
	arrived   time.Time // zero: not yet
	copies    int
}

// soaking is one run.
type soaking struct {
	l      *benchLab
	plan   soakPlan
	stack  *stack.Stack
	client *stack.Client // without the administrator's token, which ends before a long run does
	all    []*linked
	people []*wasim.Account
	began  time.Time

	mu       sync.Mutex
	messages map[string]*soakMessage // guarded by mu; by text
	late     atomic.Int64            // messages whose turn came while too many others were under way
}

// soak keeps many paired instances under a steady load in all directions, and
// proves at the end that every message arrived once. The figures of the three
// thirds of the time show what grows.
func (l *benchLab) soak(ctx context.Context, plan soakPlan, out io.Writer) error {
	return l.with(ctx, func(s *stack.Stack) error {
		r := &soaking{
			l: l, plan: plan, stack: s, client: &stack.Client{Base: s.Client.Base, HTTP: s.Client.HTTP},
			messages: map[string]*soakMessage{},
		}
		fmt.Fprintf(out, "pairing %d instances\n", plan.instances)
		var err error
		if r.all, err = l.link(ctx, s, plan.instances); err != nil {
			return err
		}
		hook, err := newReceiver(r.hear)
		if err != nil {
			return err
		}
		defer hook.close()
		if err := hook.listen(ctx, s, r.all); err != nil {
			return err
		}
		if err := r.acquaint(ctx); err != nil {
			return err
		}
		usage, err := r.run(ctx, out)
		if err != nil {
			return err
		}
		if err := r.drain(ctx); err != nil {
			return err
		}
		r.report(out, usage)
		return r.complete(ctx)
	})
}

// acquaint makes the people and lets them write once, so that sessions exist.
func (r *soaking) acquaint(ctx context.Context) error {
	for range (r.plan.instances + soakPeople - 1) / soakPeople {
		p, err := r.l.person()
		if err != nil {
			return err
		}
		p.Phone().Subscribe(func(m phone.Received) { r.hear(m.Text, time.Now()) })
		r.people = append(r.people, p)
	}
	for i, a := range r.all {
		if _, err := r.people[i/soakPeople].Phone().SendText(ctx, a.PN(), "hello"); err != nil {
			return err
		}
	}
	for _, a := range r.all {
		if err := a.device().WaitIdle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hear notes that a text arrived.
func (r *soaking) hear(text string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.messages[text]; m != nil {
		if m.copies++; m.copies == 1 {
			m.arrived = at
		}
	}
}

// run sends for the time of the plan and returns what was used meanwhile.
func (r *soaking) run(ctx context.Context, out io.Writer) ([]usage, error) {
	fmt.Fprintf(out, "%.0f messages/s for %s\n", r.plan.rate, r.plan.span)
	timed, cancel := context.WithTimeout(ctx, r.plan.span)
	defer cancel()
	r.began = time.Now()
	var used []usage
	sending, _ := errgroup.WithContext(ctx)
	sending.Go(func() (err error) {
		used, err = r.watch(timed)
		return err
	})
	places := make(chan struct{}, soakAtOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		timer.Reset(time.Until(r.began.Add(time.Duration(float64(n) / r.plan.rate * float64(time.Second)))))
		select {
		case <-timer.C:
		case <-timed.Done():
			return used, errors.Join(sending.Wait(), ctx.Err())
		}
		select {
		case places <- struct{}{}:
		default:
			r.late.Add(1)
			select {
			case places <- struct{}{}:
			case <-timed.Done():
				continue
			}
		}
		sending.Go(func() error {
			defer func() { <-places }()
			return r.send(ctx, n)
		})
	}
}

// send is the n-th message.
func (r *soaking) send(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	direction, i := n%directions, (n/directions)%len(r.all)
	text := fmt.Sprintf("soak %d", n)
	m := &soakMessage{direction: direction, sent: time.Now()}
	r.mu.Lock()
	r.messages[text] = m
	r.mu.Unlock()
	a, person := r.all[i], r.people[i/soakPeople]
	switch direction {
	case fromPhone:
		_, err := person.Phone().SendText(ctx, a.PN(), text)
		return err
	case toPhone:
		return r.client.Call(ctx, a.key, "sendMessage", nil, person.Number()+"@c.us", text)
	default:
		return r.client.Call(ctx, a.key, "sendMessage", nil, r.all[(i+1)%len(r.all)].Number()+"@c.us", text)
	}
}

// drain waits until every message arrived.
func (r *soaking) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return until(ctx, "every message arrived", 50*time.Millisecond, func() (bool, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		missing := 0
		for _, m := range r.messages {
			if m.copies == 0 {
				missing++
			}
		}
		return missing == 0, fmt.Errorf("%d of %d are missing", missing, len(r.messages))
	})
}

// complete proves that the feeds have every message to an instance exactly once.
func (r *soaking) complete(ctx context.Context) error {
	inFeeds := map[string]int{}
	for _, a := range r.all {
		own := &stack.Client{Base: r.client.Base, HTTP: r.client.HTTP, Token: a.key}
		texts, err := received(ctx, own, a.id)
		if err != nil {
			return err
		}
		for _, text := range texts {
			inFeeds[text]++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for text, m := range r.messages {
		want := 1
		if m.direction == toPhone {
			want = 0
		}
		if inFeeds[text] != want {
			errs = append(errs, fmt.Errorf("%q is in the feeds %d times, want %d", text, inFeeds[text], want))
		}
		if m.direction == toPhone && m.copies != 1 {
			errs = append(errs, fmt.Errorf("%q reached the phone %d times", text, m.copies))
		}
	}
	if len(errs) > 10 {
		errs = append(errs[:10], fmt.Errorf("and %d more", len(errs)-10))
	}
	return errors.Join(errs...)
}
