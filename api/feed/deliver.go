package feed

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
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
	counters *counters
	changes  chan change // written by Changed and Redriven, read by Run
}

type change struct {
	endpoint string
	redriven bool
}

// Options tune delivery; the zero value is the default.
type Options struct {
	Schedule Schedule
	Timeout  time.Duration // of one post; default 15 s
}

// NewDeliverer returns a deliverer; Run starts it.
func NewDeliverer(st deliveries, w wakers, log zerolog.Logger, reg prometheus.Registerer, opts Options) *Deliverer {
	if opts.Timeout <= 0 {
		opts.Timeout = 15 * time.Second
	}
	return &Deliverer{
		store: st, wakers: w, log: log, schedule: opts.Schedule.orDefault(), timeout: opts.Timeout,
		counters: newCounters(reg), changes: make(chan change),
	}
}

// Changed says that an endpoint was created, changed or deleted. It returns
// when the deliverer has taken note or ctx ends.
func (d *Deliverer) Changed(ctx context.Context, endpoint string) {
	d.tell(ctx, change{endpoint: endpoint})
}

// Redriven says that dead letters of an endpoint were put back.
func (d *Deliverer) Redriven(ctx context.Context, endpoint string) {
	d.tell(ctx, change{endpoint: endpoint, redriven: true})
}

func (d *Deliverer) tell(ctx context.Context, c change) {
	select {
	case d.changes <- c:
	case <-ctx.Done():
	}
}

// handle is a runner at work.
type handle struct {
	cancel  context.CancelFunc
	done    chan struct{}
	redrive chan struct{}
}

// Run delivers until ctx ends, then waits for the posts under way.
func (d *Deliverer) Run(ctx context.Context) error {
	p := newPoster(d.timeout)
	defer p.close()
	running := map[string]*handle{}
	var all sync.WaitGroup
	defer all.Wait()

	start := func(e store.Endpoint) {
		if !e.Enabled {
			return
		}
		runCtx, cancel := context.WithCancel(ctx)
		h := &handle{cancel: cancel, done: make(chan struct{}), redrive: make(chan struct{}, 1)}
		running[e.ID] = h
		all.Go(func() {
			defer close(h.done)
			defer cancel()
			sub := d.wakers.Subscribe(e.Instance)
			defer sub.Close()
			r := &runner{
				endpoint: e, store: d.store, poster: p, schedule: d.schedule, counters: d.counters, wake: sub.C(), redrive: h.redrive,
				log: d.log.With().Str("instance", string(e.Instance)).Str("endpoint", e.ID).Logger(),
			}
			r.run(runCtx)
		})
	}

	endpoints, err := d.store.AllEndpoints(ctx)
	for err != nil {
		if !pause(ctx, storeRetryGap) {
			return nil
		}
		d.log.Warn().Err(err).Msg("webhook delivery: read endpoints")
		endpoints, err = d.store.AllEndpoints(ctx)
	}
	for _, e := range endpoints {
		start(e)
	}
	reload := map[string]bool{} // endpoints whose row could not be read
	retry := time.NewTicker(storeRetryGap)
	defer retry.Stop()
	refresh := func(id string) {
		if h := running[id]; h != nil {
			h.cancel()
			<-h.done // its last cursor must be saved before the next reads it
			delete(running, id)
		}
		e, err := d.store.Endpoint(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
			delete(reload, id)
		case err != nil:
			reload[id] = true
		default:
			delete(reload, id)
			start(e)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
			for id := range reload {
				refresh(id)
			}
		case c := <-d.changes:
			if !c.redriven {
				refresh(c.endpoint)
				continue
			}
			if h := running[c.endpoint]; h != nil {
				select {
				case h.redrive <- struct{}{}:
				default: // one look is enough
				}
			}
		}
	}
}

type counters struct {
	posts   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newCounters(reg prometheus.Registerer) *counters {
	c := &counters{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wam_webhook_posts_total", Help: "Webhook posts by result (delivered, failed).",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "wam_webhook_post_seconds", Help: "Time a webhook receiver took to answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 10),
		}),
	}
	reg.MustRegister(c.posts, c.seconds)
	return c
}

func (c *counters) observe(res result) {
	for _, p := range res.posts {
		label := "delivered"
		if p.Error != "" {
			label = "failed"
		}
		c.posts.WithLabelValues(label).Inc()
		c.seconds.Observe(float64(p.DurationMS) / 1000)
	}
}
