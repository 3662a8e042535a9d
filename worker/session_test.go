package worker_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// A contact writes while it is written to: whatsmeow changes the same Signal
// session in both directions, and no message may be encrypted with a key that
// was used before.
func TestWritingToWhoWritesLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	const n = 250
	var both sync.WaitGroup
	texts := make([]string, n)
	both.Go(func() {
		for i := range texts {
			texts[i] = fmt.Sprintf("from Bob %03d", i)
			if _, err := w.bob.Phone().SendText(w.ctx, w.account.PN(), texts[i]); err != nil {
				t.Errorf("send %q: %v", texts[i], err)
			}
		}
	})
	both.Go(func() {
		for i := range n {
			params, err := json.Marshal([]string{w.bob.Number() + "@c.us", fmt.Sprintf("to Bob %03d", i)})
			if err != nil {
				t.Error(err)
			}
			if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: params}); err != nil {
				t.Errorf("sendMessage %d: %v", i, err)
			}
		}
	})
	both.Wait()
	w.received(texts...)
	if err := w.bob.Phone().Wait(w.ctx); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range w.bob.Phone().Received() {
		got[r.Text]++
	}
	for i := range n {
		if text := fmt.Sprintf("to Bob %03d", i); got[text] != 1 {
			t.Errorf("Bob got %q %d times", text, got[text])
		}
	}
}
