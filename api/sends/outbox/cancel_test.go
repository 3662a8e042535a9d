package outbox_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// failed waits until an attempt at the send has ended with the code.
func (r *rig) failed(key, code string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.want(200, "GET", "/api/instances/"+r.id+"/sends/"+key, nil).str("send.code") != code {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("send %s did not fail with %s", key, code)
		}
	}
}

// A send that may be out already cannot be cancelled, whatever became of the
// attempts after that one; one of which nothing is out can.
func TestWhatMayBeOutIsNotCancelled(t *testing.T) {
	r, run := newRig(t, -1)
	path := "/api/instances/" + r.id + "/sends/"
	failures := make(chan *fault.Error, 1)
	r.does(func(*workerv1.CallRequest) (string, error) {
		select {
		case f := <-failures:
			return "", f
		case <-t.Context().Done():
			return "", t.Context().Err()
		}
	})
	r.queue("a", "first", nil)
	run()
	failures <- &fault.Error{Kind: fault.Unavailable, Code: "lost", Sent: fault.SentPerhaps, Msg: "the worker was lost"}
	r.failed("a", "lost")
	r.want(http.StatusConflict, "DELETE", path+"a", nil)
	failures <- &fault.Error{Kind: fault.Unavailable, Code: "not_reached", Sent: fault.SentNothing, Msg: "the worker was not reached"}
	r.failed("a", "not_reached")
	r.want(http.StatusConflict, "DELETE", path+"a", nil)
	failures <- &fault.Error{Kind: fault.NotFound, Sent: fault.SentNothing, Msg: "no"}
	r.state("a", "unknown")

	r.queue("b", "second", nil)
	failures <- &fault.Error{Kind: fault.Offline, Code: "away", Sent: fault.SentNothing, Msg: "the account is away"}
	r.failed("b", "away")
	r.state("b", "queued")
	r.want(200, "DELETE", path+"b", nil)
	r.want(200, "DELETE", path+"b", nil)
}
