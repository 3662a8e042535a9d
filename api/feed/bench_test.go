package feed_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store/storetest"
)

// BenchmarkDelivery is events per second to one endpoint, beside bare posts of
// the same body, as many at a time.
func BenchmarkDelivery(b *testing.B) {
	var got atomic.Int64
	arrived := make(chan struct{}, 1)
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		got.Add(1)
		select {
		case arrived <- struct{}{}:
		default:
		}
	})
	url := listen(b, handler)
	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
		defer client.CloseIdleConnections()
		body := bytes.Repeat([]byte("x"), 300)
		var next atomic.Int64
		var all sync.WaitGroup
		b.ResetTimer()
		for range 16 {
			all.Go(func() {
				for next.Add(1) <= int64(b.N) {
					resp, err := client.Post(url, "application/json", bytes.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					resp.Body.Close()
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	})
	b.Run("delivered", func(b *testing.B) {
		r := prepare(b, storetest.NewURL(b), feed.Options{})
		r.populate()
		r.endpoint(url)
		for c := range 32 {
			r.happen(fmt.Sprint("chat", c), b.N/32+1)
		}
		want := got.Load() + int64(r.seq)
		d := feed.NewDeliverer(r.store, &r.hub, zerolog.Nop(), prometheus.NewRegistry(), feed.Options{Networks: loopback})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		b.ResetTimer()
		go func() { ended <- d.Run(ctx) }()
		for got.Load() < want {
			<-arrived
		}
		b.ReportMetric(float64(r.seq)/b.Elapsed().Seconds(), "events/s")
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}
