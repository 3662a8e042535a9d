package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types/events"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// steadyRates are messages per second over all instances together while
// latencies are measured.
var steadyRates = []float64{100, 200, 400}

// inbound measures how fast messages are committed to the feed in a burst, and
// how long one takes from a contact's phone to the webhook under a steady load.
func inbound(ctx context.Context, l *benchLab) error {
	many := l.of(50, 5)
	burst := []int{l.of(1500, 100), l.of(60, 20)} // messages per instance: of one, of each of many
	steady := l.span(20*time.Second, 3*time.Second)
	var ours, direct [2]load
	rates := steadyRates[:l.of(len(steadyRates), 1)]
	waits, bareWaits := make([][]time.Duration, len(rates)), make([][]time.Duration, len(rates))
	err := l.with(ctx, func(s *stack.Stack) error {
		all, err := l.link(ctx, s, many)
		if err != nil {
			return err
		}
		if ours, err = l.bursts(ctx, s, all, burst); err != nil {
			return err
		}
		hook, err := newLedger(ctx, s, all)
		if err != nil {
			return err
		}
		defer hook.close()
		for i, perSecond := range rates {
			if waits[i], err = l.steady(ctx, accounts(all), perSecond, steady, hook); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	heard := &ledger{arrived: map[string]time.Time{}}
	err = withBaseline(ctx, l, many, func(m *events.Message) { heard.note(m.Message.GetConversation(), time.Now()) },
		func(all []*baseline) error {
			var to []*wasim.Account
			for _, b := range all {
				to = append(to, b.account)
			}
			for i, n := range []int{1, many} {
				if direct[i], err = l.burst(ctx, to[:n], burst[i]); err != nil {
					return err
				}
			}
			for i, perSecond := range rates {
				if bareWaits[i], err = l.steady(ctx, to, perSecond, steady, heard); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	for i, n := range []int{1, many} {
		l.table.row(fmt.Sprintf("burst into %d instances", n),
			fmt.Sprintf("%s into the feed  (%.2f of baseline)", rate(ours[i].n, ours[i].took),
				ours[i].perSecond()/direct[i].perSecond()),
			fmt.Sprintf("%s  whatsmeow's handler, nothing kept", rate(direct[i].n, direct[i].took)), "")
	}
	for i, perSecond := range rates {
		reference := ""
		if perSecond == 100 {
			reference = "p50 7 ms  p99 166 ms at 50 × 100/s in all"
		}
		l.table.row(fmt.Sprintf("%.0f messages/s over %d instances", perSecond, many),
			latencies(waits[i])+"  phone to webhook", latencies(bareWaits[i])+"  phone to handler", reference)
	}
	return nil
}

// accounts are those of the instances.
func accounts(all []*linked) []*wasim.Account {
	to := make([]*wasim.Account, len(all))
	for i, a := range all {
		to[i] = a.Account
	}
	return to
}

// bursts are one into the first instance, of each[0] messages, and then one into all
// of them, of each[1] messages for each. The feeds have every message when it returns.
func (l *benchLab) bursts(ctx context.Context, s *stack.Stack, all []*linked, each []int) (took [2]load, err error) {
	to := accounts(all)
	for i, n := range []int{1, len(all)} {
		if took[i], err = l.burst(ctx, to[:n], each[i]); err != nil {
			return took, err
		}
		if err := inFeed(ctx, s, all[:n], n*each[i]+i*each[0]); err != nil {
			return took, err
		}
	}
	return took, nil
}

// burst lets a contact of each account send n messages as fast as it can, and
// returns when every one is acknowledged, which our workers do after the commit.
func (l *benchLab) burst(ctx context.Context, to []*wasim.Account, n int) (load, error) {
	senders, err := l.contacts(ctx, to)
	if err != nil {
		return load{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	began := time.Now()
	group, sending := errgroup.WithContext(ctx)
	for i, a := range to {
		group.Go(func() error {
			sent, err := wasim.Traffic{From: senders[i], To: a.PN(), Count: n}.Run(sending)
			if err == nil && len(sent) != n {
				err = fmt.Errorf("sent %d of %d", len(sent), n)
			}
			if err != nil {
				return err
			}
			return newest(a).WaitIdle(sending)
		})
	}
	err = group.Wait()
	return load{n: n * len(to), took: time.Since(began)}, err
}

// contacts makes a sender for each account and lets it say hello, so that the
// Signal session exists.
func (l *benchLab) contacts(ctx context.Context, to []*wasim.Account) ([]*wasim.Account, error) {
	senders := make([]*wasim.Account, len(to))
	for i, a := range to {
		var err error
		if senders[i], err = l.person(); err != nil {
			return nil, err
		}
		if _, err := senders[i].Phone().SendText(ctx, a.PN(), "hello"); err != nil {
			return nil, err
		}
	}
	for _, a := range to {
		if err := newest(a).WaitIdle(ctx); err != nil {
			return nil, err
		}
	}
	return senders, nil
}

// inFeed proves that so many messages of bursts are in the feeds.
func inFeed(ctx context.Context, s *stack.Stack, all []*linked, want int) error {
	have := 0
	for _, a := range all {
		texts, err := received(ctx, s.Client, a.id)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if text != "hello" {
				have++
			}
		}
	}
	if have != want {
		return fmt.Errorf("%d of %d messages are in the feed", have, want)
	}
	return nil
}

// received reads the texts of all messages in an instance's feed.
func received(ctx context.Context, client *stack.Client, id string) (texts []string, err error) {
	for after := uint64(0); ; {
		var page struct {
			Events []stack.Event `json:"events"`
		}
		if err := client.Want(ctx, http.StatusOK, http.MethodGet, fmt.Sprintf("/api/instances/%s/events?after=%d&limit=500",
			id, after), nil, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			return texts, nil
		}
		for _, ev := range page.Events {
			if m, err := ev.Message(); err == nil && ev.Event == "message" {
				texts = append(texts, m.Body)
			}
		}
		after = page.Events[len(page.Events)-1].Seq
	}
}

// steady sends so many messages a second over all accounts and returns how
// long each took from just before its encryption until the ledger heard of it.
func (l *benchLab) steady(ctx context.Context, to []*wasim.Account, perSecond float64, d time.Duration,
	heard *ledger,
) ([]time.Duration, error) {
	senders, err := l.contacts(ctx, to)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d+time.Minute)
	defer cancel()
	each := perSecond / float64(len(to))
	var mu sync.Mutex
	sent := map[string]time.Time{}
	group, sending := errgroup.WithContext(ctx)
	for i, a := range to {
		group.Go(func() error {
			// Senders start spread over their interval, not all at the same moment.
			select {
			case <-time.After(time.Duration(float64(i) / perSecond * float64(time.Second))):
			case <-sending.Done():
				return sending.Err()
			}
			_, err := wasim.Traffic{
				From: senders[i], To: a.PN(), Count: int(each * d.Seconds()), Rate: each,
				Text: func(n int) string { return fmt.Sprintf("steady %.0f %s %d", perSecond, senders[i].Number(), n) },
				OnSent: func(s wasim.Sent) {
					mu.Lock()
					sent[s.Text] = s.Time
					mu.Unlock()
				},
			}.Run(sending)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if want := int(each*d.Seconds()) * len(to); len(sent) != want {
		return nil, fmt.Errorf("sent %d of %d", len(sent), want)
	}
	var waits []time.Duration
	err = until(ctx, "every message arrived", 20*time.Millisecond, func() (bool, error) {
		waits = heard.waits(sent)
		return len(waits) == len(sent), fmt.Errorf("%d of %d", len(waits), len(sent))
	})
	return waits, err
}
