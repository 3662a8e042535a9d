package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestStreamsOfAnInstanceAreLimited(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const most = 50
	var ends []func()
	for range most {
		_, done := o.stream(ctx, "", "")
		ends = append(ends, done)
	}
	defer func() {
		for _, done := range ends[1:] {
			done()
		}
	}()
	one := func() (status int, code, retry string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/api/instances/"+string(instance)+"/events", nil)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+o.admin)
		req.Header.Set("Accept", "text/event-stream")
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		var p struct{ Code string }
		if resp.StatusCode != http.StatusOK {
			must(t, json.NewDecoder(resp.Body).Decode(&p))
		}
		return resp.StatusCode, p.Code, resp.Header.Get("Retry-After")
	}
	if status, code, retry := one(); status != http.StatusTooManyRequests || code != "stream_limit" || retry == "" {
		t.Errorf("one too many: %d %s, retry after %q", status, code, retry)
	}
	// Pages are no streams.
	o.do(http.StatusOK, "GET", "/api/instances/"+string(instance)+"/events", o.admin, nil)
	ends[0]()
	for status, _, _ := one(); status != http.StatusOK; status, _, _ = one() {
		if ctx.Err() != nil {
			t.Fatal("the seat of a closed stream stays taken")
		}
	}
}

func TestWebhooksOfAnInstanceAreLimited(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const most = 50
	var made, refused atomic.Int64
	var clients sync.WaitGroup
	body, err := json.Marshal(map[string]any{"url": "https://example.org/hook"})
	must(t, err)
	for range most + 10 {
		clients.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.base+"/api/instances/"+string(instance)+"/webhooks", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+o.admin)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			var p struct{ Code string }
			if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
				t.Error(err)
			}
			switch {
			case resp.StatusCode == http.StatusCreated:
				made.Add(1)
			case resp.StatusCode == http.StatusForbidden && p.Code == "webhook_limit":
				refused.Add(1)
			default:
				t.Errorf("%d %s", resp.StatusCode, p.Code)
			}
		})
	}
	clients.Wait()
	if made.Load() != most || refused.Load() != 10 {
		t.Errorf("%d made, %d refused, with a limit of %d", made.Load(), refused.Load(), most)
	}
}
