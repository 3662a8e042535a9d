package outbox_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"whatsapp-manager/api/apitest"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// A message that may not go yet lets the others pass, says why it waits, and goes when its
// time has come, in its order.
func TestAHeldMessageLetsOthersPass(t *testing.T) {
	r, run := newRig(t, 0)
	until := time.Now().Add(3 * time.Second)
	r.does(func(in *workerv1.CallRequest) (string, error) {
		var params []string
		if err := json.Unmarshal(in.GetParams(), &params); err != nil {
			return "", err
		}
		if left := time.Until(until); params[1][0] == 'c' && left > 0 {
			return "", &fault.Error{Kind: fault.RateLimited, Code: "warm_up", Msg: "not today", RetryAfter: left, Sent: fault.SentNothing}
		}
		return `"ok"`, nil
	})
	for i, text := range []string{"cold 1", "warm 1", "cold 2", "warm 2"} {
		r.queue(fmt.Sprint("key", i), text, nil)
	}
	run()
	r.state("key3", "sent")
	for _, key := range []string{"key0", "key2"} {
		a := r.want(200, "GET", "/api/instances/"+r.id+"/sends/"+key, nil)
		end, err := time.Parse(time.RFC3339, a.str("send.waiting.until"))
		if a.str("send.state") != "queued" || a.str("send.waiting.reason") != "warm_up" || err != nil || end.Sub(until).Abs() > time.Second {
			t.Errorf("%s: %v", key, a)
		}
	}
	r.want(200, "DELETE", "/api/instances/"+r.id+"/sends/key2", nil)
	if a := r.state("key0", "sent"); apitest.At(a, "send.waiting") != nil {
		t.Errorf("a sent one waits: %v", a)
	}
	sent := map[string]int{}
	for _, text := range texts(r.seen()) {
		sent[text]++
	}
	if sent["warm 1"] != 1 || sent["warm 2"] != 1 || sent["cold 1"] != 2 || sent["cold 2"] != 1 {
		t.Errorf("the worker was asked for %v", sent)
	}
}
