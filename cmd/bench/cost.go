package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// costPlan says how much is done to find what one of each costs.
type costPlan struct {
	accounts int
	messages int           // of each account, in each part
	rate     float64       // a second, over all accounts
	idle     time.Duration // how long nothing is done, for the rate without work
	empty    time.Duration // the same before there are accounts; 0: their own cost is not told apart
}

// Units that a report names.
const (
	idleAccount = "idle account, a minute"
	inboundOnly = "inbound message, no webhook"
	inboundHook = "inbound message to a webhook"
	sendOnly    = "send"
)

// costing is one run of a plan.
type costing struct {
	*benchLab
	costPlan
	counting *counting
	all      []*linked
	senders  []*wasim.Account // to each account, and the phone that it sends to
	idleRate unit             // of the whole stack, a second
	last     counts           // the latest look
}

// cost finds what a message in, a send, a delivery to a webhook, and an account
// without work cost. A difference of two looks has what the idle stack takes
// in the same time subtracted.
func (l *benchLab) cost(ctx context.Context, plan costPlan) (report costReport, err error) {
	report = costReport{Accounts: plan.accounts, Messages: plan.messages, Rate: plan.rate}
	err = l.with(ctx, func(s *stack.Stack) error {
		c := &costing{benchLab: l, costPlan: plan}
		if c.counting, err = count(ctx, s); err != nil {
			return err
		}
		defer func() { c.counting.close(ctx) }()
		report.Postgres, report.Counted = c.counting.version, c.counting.statements
		if c.idleRate, err = c.lie(ctx, plan.empty); err != nil {
			return err
		}
		empty := c.idleRate
		if err := c.warm(ctx); err != nil {
			return err
		}
		if c.idleRate, err = c.lie(ctx, plan.idle); err != nil {
			return err
		}
		if plan.empty > 0 {
			report.Units = append(report.Units, empty.times(60).named("no accounts, a minute"),
				c.idleRate.less(empty).times(60/float64(plan.accounts)).named(idleAccount))
		}
		in, err := c.part(ctx, inboundOnly, func(n int) error { return c.say(ctx, n, nil) })
		if err != nil {
			return err
		}
		out, err := c.part(ctx, sendOnly, func(n int) error { return c.send(ctx, n) })
		if err != nil {
			return err
		}
		hook, err := newLedger(ctx, s, c.all)
		if err != nil {
			return err
		}
		defer hook.close()
		if err := c.say(ctx, 2, hook); err != nil {
			return err
		}
		if err := c.look(ctx); err != nil {
			return err
		}
		both, err := c.part(ctx, inboundHook, func(n int) error { return c.say(ctx, n, hook) })
		if err != nil {
			return err
		}
		report.Units = append(report.Units, in, both, both.less(in).named("webhook delivery (the difference)"), out)
		return nil
	})
	return report, err
}

// warm links the accounts and does everything once, so that nothing is counted
// that happens once, such as a page's first image in the WAL.
func (c *costing) warm(ctx context.Context) (err error) {
	if c.all, err = c.link(ctx, c.counting.stack, c.accounts); err != nil {
		return err
	}
	if c.senders, err = c.contacts(ctx, accounts(c.all)); err != nil {
		return err
	}
	n := max(2, c.messages/6)
	return errors.Join(c.say(ctx, n, nil), c.send(ctx, n))
}

func (c *costing) look(ctx context.Context) (err error) {
	c.last, err = c.counting.look(ctx)
	return err
}

// lie lets the stack lie idle and returns what it costs a second.
func (c *costing) lie(ctx context.Context, span time.Duration) (unit, error) {
	if span == 0 {
		return unit{}, nil
	}
	if err := c.look(ctx); err != nil {
		return unit{}, err
	}
	select {
	case <-time.After(max(0, span-flushed)):
	case <-ctx.Done():
		return unit{}, ctx.Err()
	}
	before := c.last
	err := c.look(ctx)
	return difference(before, c.last, c.last.at.Sub(before.at).Seconds()), err
}

// part counts what one message of a kind of work costs, since the latest look.
// work does n of each account.
func (c *costing) part(ctx context.Context, what string, work func(n int) error) (unit, error) {
	if err := work(c.messages); err != nil {
		return unit{}, fmt.Errorf("%s: %w", what, err)
	}
	before := c.last
	if err := c.look(ctx); err != nil {
		return unit{}, err
	}
	n := float64(c.messages * c.accounts)
	idle := c.idleRate.times(c.last.at.Sub(before.at).Seconds() / n)
	return difference(before, c.last, n).less(idle).named(what), nil
}

// say has every account's contact send n messages, and waits until each is
// acknowledged and, if there is a ledger, at the webhook.
func (c *costing) say(ctx context.Context, n int, heard *ledger) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	sent := map[string]time.Time{}
	group, sending := errgroup.WithContext(ctx)
	for i, a := range c.all {
		group.Go(func() error {
			_, err := wasim.Traffic{
				From: c.senders[i], To: a.PN(), Count: n, Rate: c.rate / float64(len(c.all)),
				Text: func(int) string { return fmt.Sprintf("a message of ordinary length, the %dth", c.numbers.Add(1)) },
				OnSent: func(s wasim.Sent) {
					mu.Lock()
					defer mu.Unlock()
					sent[s.Text] = s.Time
				},
			}.Run(sending)
			if err != nil {
				return err
			}
			return a.device().WaitIdle(sending)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if len(sent) != n*len(c.all) {
		return fmt.Errorf("sent %d of %d", len(sent), n*len(c.all))
	}
	if heard == nil {
		return nil
	}
	return until(ctx, "every message arrived", 20*time.Millisecond, func() (bool, error) {
		have := len(heard.waits(sent))
		return have == len(sent), fmt.Errorf("%d of %d", have, len(sent))
	})
}

// send has every account send n messages to its contact, one after the other,
// and waits until the phones have them.
func (c *costing) send(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	arrived := map[string]bool{}
	for _, to := range c.senders {
		defer to.Phone().Subscribe(func(r phone.Received) {
			mu.Lock()
			defer mu.Unlock()
			arrived[r.ID] = true
		})()
	}
	gap := time.Duration(float64(len(c.all)) / c.rate * float64(time.Second))
	group, sending := errgroup.WithContext(ctx)
	for i, a := range c.all {
		group.Go(func() error {
			tick := time.NewTicker(gap)
			defer tick.Stop()
			for range n {
				text := fmt.Sprintf("a message of ordinary length, the %dth", c.numbers.Add(1))
				if err := c.counting.stack.Client.Call(sending, a.key, "sendMessage", nil, c.senders[i].Number()+"@c.us", text); err != nil {
					return err
				}
				select {
				case <-tick.C:
				case <-sending.Done():
					return sending.Err()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return until(ctx, "the phones have every message", 20*time.Millisecond, func() (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return len(arrived) == n*len(c.all), fmt.Errorf("%d of %d", len(arrived), n*len(c.all))
	})
}
