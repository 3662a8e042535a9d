package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

const (
	floodRate    = 1000 // messages a second into one instance
	floodPeople  = 4    // who send them
	floodClients = 32   // hammering one key
	quietRate    = 25   // messages, and calls, a second of the one who shall not notice
)

// flood measures what an instance notices of another one's flood: messages into
// it, or a client that hammers its key. The same load is also measured where it
// passes the product by, since simulator, clients and product share the machine:
// messages for an instance that is stopped. Those come to it in the end, all at
// once. Elsewhere it is WhatsApp and the senders' phones that encrypt a flood, so
// it is also measured with messages that the simulator has encrypted before.
func flood(ctx context.Context, l *benchLab) error {
	span := l.span(30*time.Second, 2*time.Second)
	return l.limited(ctx, func(s *stack.Stack) error { // the limits are what protects the others
		all, err := l.link(ctx, s, 4)
		if err != nil {
			return err
		}
		flooded, quiet, stopped, other := all[0], all[1], all[2], all[3]
		if err := order(ctx, s, stopped, "stop"); err != nil {
			return err
		}
		hook, err := newLedger(ctx, s, all)
		if err != nil {
			return err
		}
		defer hook.close()
		silence := func(context.Context) (int, error) { return 0, nil }
		var calm, aside *noticed
		var prepared func(context.Context) (int, error)
		for _, f := range []struct {
			name  string
			load  func(context.Context) (int, error)
			aside bool         // it passes the product by
			first func() error // nil, or what has to be done before
		}{
			{"calm", silence, true, nil},
			{fmt.Sprintf("%d clients hammer a web server aside", floodClients), pound(hook.url()), true, nil},
			{
				fmt.Sprintf("%d clients hammer another's key", floodClients),
				pound(s.Client.Base + "/api/proxy/" + flooded.key + "/getState"), false, nil,
			},
			{fmt.Sprintf("%d messages/s for one who is stopped", floodRate), l.pour(stopped.Account), true, nil},
			{fmt.Sprintf("%d messages/s into another", floodRate), l.pour(flooded.Account), false, nil},
			{fmt.Sprintf("%d messages/s into another, encrypted before", floodRate), func(loading context.Context) (int, error) {
				return prepared(loading)
			}, false, func() (err error) {
				// What waits of the flood before at WhatsApp would come for minutes.
				if err = order(ctx, s, flooded, "stop"); err == nil {
					prepared, err = l.pourAhead(ctx, other.Account, span)
				}
				return err
			}},
			{"the waiting messages come to another", func(loading context.Context) (int, error) {
				before := stopped.device().Pending()
				<-loading.Done()
				return before - stopped.device().Pending(), nil
			}, false, func() error {
				if err := errors.Join(order(ctx, s, other, "stop"), order(ctx, s, stopped, "start")); err != nil {
					return err
				}
				return stopped.device().WaitConnected(ctx)
			}},
		} {
			if f.first != nil {
				if err := f.first(); err != nil {
					return err
				}
			}
			now, err := l.notice(ctx, s, quiet, hook, span, f.load)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			name := fmt.Sprintf("%s (%s)", f.name, rate(now.load, now.took))
			switch {
			case calm == nil:
				calm = now
				l.table.row(f.name, now.String(), "", "")
			case f.aside:
				aside = now
				l.table.row(name, now.String(), now.against(calm)+" of calm", "")
			default:
				l.table.row(name, now.String(), now.against(calm)+" of calm; "+now.against(aside)+" of the load aside",
					"at most 1.5 of calm")
			}
		}
		return nil
	})
}

// order asks for an instance to be started or stopped.
func order(ctx context.Context, s *stack.Stack, a *linked, what string) error {
	return s.Client.Want(ctx, http.StatusAccepted, http.MethodPost, "/api/instances/"+a.id+"/"+what, nil, nil)
}

// noticed is what somebody had to wait while others made a load.
type noticed struct {
	webhook, call []time.Duration
	load          int // messages or calls of the others
	took          time.Duration
}

func (n *noticed) String() string {
	return fmt.Sprintf("webhook %s    call %s", latencies(n.webhook), latencies(n.call))
}

func (n *noticed) against(calm *noticed) string {
	times := func(now, then []time.Duration) float64 {
		return float64(quantile(now, 0.99)) / float64(quantile(then, 0.99))
	}
	return fmt.Sprintf("p99 webhook %.2f call %.2f", times(n.webhook, calm.webhook), times(n.call, calm.call))
}

// notice sends messages to the quiet one and calls it, both at a slow pace, while load runs.
func (l *benchLab) notice(ctx context.Context, s *stack.Stack, quiet *linked, heard *ledger, d time.Duration,
	load func(context.Context) (int, error),
) (*noticed, error) {
	loading, end := context.WithTimeout(ctx, d)
	defer end()
	result := &noticed{}
	began := time.Now()
	var group errgroup.Group
	group.Go(func() (err error) {
		result.load, err = load(loading)
		result.took = time.Since(began)
		return err
	})
	group.Go(func() error {
		waits, err := l.steady(ctx, []*wasim.Account{quiet.Account}, quietRate, d, heard)
		result.webhook = waits
		return err
	})
	group.Go(func() error {
		tick := time.NewTicker(time.Second / quietRate)
		defer tick.Stop()
		for {
			select {
			case <-loading.Done():
				return ctx.Err()
			case <-tick.C:
			}
			at := time.Now()
			if err := s.Client.Call(ctx, quiet.key, "getState", nil); err != nil {
				return err
			}
			result.call = append(result.call, time.Since(at))
		}
	})
	return result, group.Wait()
}

// pour returns a load of messages to one account from several people.
func (l *benchLab) pour(to *wasim.Account) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		sends, err := l.crowd(to, 0, func(t wasim.Traffic) (sending, error) { return t.Run, nil })
		if err != nil {
			return 0, err
		}
		return together(ctx, sends)
	}
}

// pourAhead is pour of messages that are encrypted now, as many as are sent in d.
func (l *benchLab) pourAhead(ctx context.Context, to *wasim.Account,
	d time.Duration,
) (func(context.Context) (int, error), error) {
	sends, err := l.crowd(to, d, func(t wasim.Traffic) (sending, error) { return t.Ahead(ctx) })
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) { return together(ctx, sends) }, nil
}

// sending is a Run of wasim.Traffic.
type sending func(context.Context) ([]wasim.Sent, error)

// crowd makes the senders of a flood that lasts d, or has no end when d is 0.
func (l *benchLab) crowd(to *wasim.Account, d time.Duration,
	begin func(wasim.Traffic) (sending, error),
) (all []sending, err error) {
	const rate = floodRate / floodPeople
	for range floodPeople {
		from, err := l.person()
		if err != nil {
			return nil, err
		}
		send, err := begin(wasim.Traffic{From: from, To: to.PN(), Rate: rate, Count: int(rate * d.Seconds())})
		if err != nil {
			return nil, err
		}
		all = append(all, send)
	}
	return all, nil
}

// together runs all at a time and returns how many messages they sent.
func together(ctx context.Context, all []sending) (int, error) {
	var sum atomic.Int64
	var group errgroup.Group
	for _, send := range all {
		group.Go(func() error {
			sent, err := send(ctx)
			sum.Add(int64(len(sent)))
			return err
		})
	}
	err := group.Wait()
	return int(sum.Load()), err
}

// post sends a document and reads the answer away.
func post(ctx context.Context, client *http.Client, url, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// pound returns a load of requests to one address. Any answer but an error of
// the server is fine: telling a client to slow down is one way to protect others.
func pound(url string) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		transport := &http.Transport{MaxIdleConnsPerHost: floodClients}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		var mu sync.Mutex
		sum := 0
		var group errgroup.Group
		for range floodClients {
			group.Go(func() error {
				done := 0
				defer func() { mu.Lock(); sum += done; mu.Unlock() }()
				for ctx.Err() == nil {
					status, err := post(ctx, client, url, `{"params":[]}`)
					if ctx.Err() != nil {
						return nil
					}
					if err != nil || status >= 500 {
						return fmt.Errorf("a request of the flood failed with status %d", status) // its error would show the key
					}
					done++
				}
				return nil
			})
		}
		err := group.Wait()
		return sum, err
	}
}
