package api_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/api"
)

func TestCallsAboveThePaceWaitAndThenAreRefused(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.CallsPerSecond = 20 })
	_, hammered := o.instance(o.token)
	_, other := o.instance(o.token)
	began := time.Now()
	var served, refused atomic.Int64
	var last atomic.Int64 // when the last one was served, since began
	var clients sync.WaitGroup
	const calls = 100 // 20 at once, 40 in the two seconds after that
	for range calls {
		clients.Go(func() {
			switch a := o.do("GET", "/api/proxy/"+hammered+"/getState", "", nil); {
			case a.status == http.StatusOK:
				served.Add(1)
				last.Store(max(last.Load(), int64(time.Since(began))))
			case a.status == http.StatusTooManyRequests && a.str("code") == "call_rate" && a.header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				t.Errorf("answered %d %s", a.status, a.raw)
			}
		})
	}
	// Another instance does not wait behind them.
	at := time.Now()
	for range 10 {
		o.want(http.StatusOK, "GET", "/api/proxy/"+other+"/getState", "", nil)
	}
	if took := time.Since(at); took > time.Second {
		t.Errorf("another instance waited %s", took)
	}
	clients.Wait()
	if served.Load()+refused.Load() != calls || refused.Load() == 0 || served.Load() < 60 {
		t.Errorf("%d served, %d refused of %d", served.Load(), refused.Load(), calls)
	}
	// However slow this machine: no more than twenty at once and twenty a second.
	if most := 20 + 20*time.Duration(last.Load()).Seconds() + 1; float64(served.Load()) > most {
		t.Errorf("%d were served in %s", served.Load(), time.Duration(last.Load()))
	}
	// The management routes that are calls in other words keep the same pace.
	o.worker.says("[]", nil)
	id, key := o.instance(o.token)
	refused.Store(0)
	for range calls {
		clients.Go(func() {
			switch a := o.do("GET", "/api/instances/"+id+"/chats", key, nil); {
			case a.str("code") == "call_rate":
				refused.Add(1)
			case a.status != http.StatusOK:
				t.Errorf("chats: %d %s", a.status, a.raw)
			}
		})
	}
	clients.Wait()
	if refused.Load() == 0 {
		t.Error("none was refused under the management route")
	}
}
