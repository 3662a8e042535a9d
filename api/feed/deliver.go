package feed

import (
	"context"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/supervisor"
)

// wakers gives wake-ups for an instance; implemented by supervisor.Supervisor.
type wakers interface {
	Subscribe(id supervisor.ID) *supervisor.Subscription
}

// Deliverer posts events to webhook endpoints.
type Deliverer struct {
	store    deliveries
	wakers   wakers
	log      zerolog.Logger
	schedule Schedule
	timeout  time.Duration
	networks []netip.Prefix
	counters *counters
	books    *books
	every    time.Duration // between refreshes
	changes  chan change   // written by Changed and Redriven, read by Run
	ended    chan struct{} // closed by Run
}

type change struct {
	endpoint string // empty: any may have changed
	redriven bool
	applied  chan struct{} // closed when the runners follow it
}

// Options tune delivery; the zero value is the default.
type Options struct {
	Schedule Schedule
	Timeout  time.Duration // of one post; default 15 s
	// Refresh is how often all endpoints are read anew, for those that came,
	// changed or went without a notice; default 30 s.
	Refresh time.Duration
	// Networks are internal networks with receivers; public addresses always
	// may be posted to, others never.
	Networks []netip.Prefix
}

// NewDeliverer returns a deliverer; Run starts it.
func NewDeliverer(st deliveries, w wakers, log zerolog.Logger, reg prometheus.Registerer, opts Options) *Deliverer {
	if opts.Timeout <= 0 {
		opts.Timeout = 15 * time.Second
	}
	if opts.Refresh <= 0 {
		opts.Refresh = 30 * time.Second
	}
	return &Deliverer{
		store: st, wakers: w, log: log, schedule: opts.Schedule.orDefault(), timeout: opts.Timeout, networks: opts.Networks,
		counters: newCounters(reg), books: newBooks(st, log), every: opts.Refresh, changes: make(chan change), ended: make(chan struct{}),
	}
}

// Changed says that an endpoint was created, changed or deleted. It returns
// when the deliverer works with the endpoint as it is now, or when ctx ends. So
// nothing more is posted to an endpoint that was deleted or switched off.
func (d *Deliverer) Changed(ctx context.Context, endpoint string) {
	d.tell(ctx, change{endpoint: endpoint})
}

// Recount says that endpoints may have begun or ceased to be held. It returns as
// Changed does: nothing more is posted to an endpoint that is held.
func (d *Deliverer) Recount(ctx context.Context) { d.tell(ctx, change{}) }

// Redriven says that dead letters of an endpoint were put back.
func (d *Deliverer) Redriven(ctx context.Context, endpoint string) {
	d.tell(ctx, change{endpoint: endpoint, redriven: true})
}

func (d *Deliverer) tell(ctx context.Context, c change) {
	c.applied = make(chan struct{})
	select {
	case d.changes <- c:
	case <-d.ended: // the next one reads all endpoints
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-c.applied:
	case <-d.ended:
	case <-ctx.Done():
	}
}

// Run delivers until ctx ends, then waits for the posts under way, and writes down
// what was delivered. Call it once.
func (d *Deliverer) Run(ctx context.Context) error {
	defer close(d.ended)
	defer d.books.keep(ctx)()
	p := newHTTPClient(d.timeout, d.networks)
	defer p.close()
	r := &runners{Deliverer: d, client: p, running: map[string]*handle{}, unread: map[string]bool{}}
	defer r.all.Wait()
	for !r.refresh(ctx) {
		if backoff.Sleep(ctx, storeRetryGap) != nil {
			return nil
		}
	}
	retry := time.NewTicker(storeRetryGap)
	defer retry.Stop()
	anew := time.NewTicker(d.every)
	defer anew.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
			for id := range r.unread {
				r.reload(ctx, id)
			}
		case <-anew.C:
			r.refresh(ctx)
		case c := <-d.changes:
			switch {
			case c.redriven:
				r.redriven(c.endpoint)
			case c.endpoint == "":
				r.refresh(ctx)
			default:
				r.reload(ctx, c.endpoint)
			}
			close(c.applied)
		}
	}
}
