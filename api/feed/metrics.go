package feed

import "github.com/prometheus/client_golang/prometheus"

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
