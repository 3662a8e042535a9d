package worker_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// The README's arithmetic for max_connections: a worker that sends, receives
// and is asked all at once has two connections, and none once it is idle.
func TestAWorkerHoldsTwoConnectionsAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	admin, err := pgx.Connect(w.ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(w.ctx)
	held := func() (n int) {
		err := admin.QueryRow(w.ctx, "select count(*) from pg_stat_activity where application_name = 'whatsapp-worker' and datname = current_database()").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}

	const n = 60
	var work sync.WaitGroup
	texts := make([]string, n)
	work.Go(func() {
		for i := range texts {
			texts[i] = fmt.Sprintf("from Bob %03d", i)
			if _, err := w.bob.Phone().SendText(w.ctx, w.account.PN(), texts[i]); err != nil {
				t.Errorf("send %q: %v", texts[i], err)
			}
		}
	})
	ask := func(method string, params ...any) {
		raw, err := json.Marshal(params)
		if err == nil {
			_, err = p.Call(w.ctx, &workerv1.CallRequest{Method: method, Params: raw})
		}
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	for k := range 4 {
		work.Go(func() {
			for i := range n / 4 {
				ask("sendMessage", w.bob.Number()+"@c.us", fmt.Sprintf("to Bob %d %03d", k, i))
			}
		})
		work.Go(func() {
			for range n {
				ask("getChats")
				ask("getContacts")
			}
		})
	}
	done := make(chan struct{})
	go func() {
		work.Wait()
		close(done)
	}()
	most, above := 0, 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		case <-tick.C:
		}
		now := held()
		// Postgres shows one that was closed a moment longer.
		if above++; now <= 2 {
			most, above = max(most, now), 0
		}
		if above == 3 {
			t.Errorf("the worker holds %d connections", now)
		}
	}
	if most != 2 {
		t.Errorf("at most %d connections were seen: the load does not need what is bounded", most)
	}
	w.received(texts...)
	w.eventually("no connection of an idle worker", func() bool { return held() == 0 })
}
