package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/sends/outbox"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// As many long queues as may send at the same time let another one have a turn.
func TestLongQueuesTakeTurnsWithOthers(t *testing.T) {
	r, run := newRig(t, -1)
	r.last.SetTurn(1)
	came := make(chan struct{})
	var once sync.Once
	r.does(func(in *workerv1.CallRequest) (string, error) {
		switch texts([]*workerv1.CallRequest{in})[0] {
		case "late":
			once.Do(func() { close(came) })
		case "long": // it takes until the late one was sent
			select {
			case <-came:
			case <-t.Context().Done():
			}
		}
		return `"ok"`, nil
	})
	first := r.id
	instances := []string{first}
	for i := range outbox.Drainers - 1 {
		instances = append(instances, r.want(201, "POST", "/api/instances", map[string]string{"name": fmt.Sprint("n", i)}).str("instance.id"))
	}
	send := func(text string) {
		for _, r.id = range instances {
			r.queue(text, text, nil)
		}
	}
	send("short")
	late := r.want(201, "POST", "/api/instances", map[string]string{"name": "late"}).str("instance.id")
	r.id = late
	r.queue("late", "late", nil)
	send("long")
	run()
	r.id = late
	r.state("late", "sent")
	r.id = first
	r.state("long", "sent")
}

// paced is a gate with a pause of a minute behind the first send. It would wait for
// whoever comes from elsewhere than the queue.
type paced struct {
	mu   sync.Mutex
	next time.Time // guarded by mu
}

func (*paced) Heed(supervisor.ID)   {}
func (*paced) Forget(supervisor.ID) {}

func (p *paced) Admit(ctx context.Context, _ store.Instance, queued bool) (sends.Pass, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Until(p.next)
	switch {
	case left <= 0:
		p.next = time.Now().Add(time.Minute)
		return sends.Pass{}, nil
	case !queued:
		<-ctx.Done()
		return sends.Pass{}, ctx.Err()
	}
	return sends.Pass{}, &fault.Error{Kind: fault.RateLimited, Code: "pace", Msg: "a pause", RetryAfter: left, Sent: fault.SentNothing}
}

// A queue that waits for its pace says so, and holds no place meanwhile.
func TestAPacedQueueHoldsNoPlace(t *testing.T) {
	r, run := newRig(t, -1)
	r.gate = &paced{}
	run()() // the queue without the gate
	run()
	r.queue("a", "first", nil)
	r.queue("b", "second", nil)
	r.state("a", "sent")
	r.failed("b", "pace")
	if a := r.want(200, "GET", "/api/instances/"+r.id+"/sends/b", nil); a.str("send.state") != "queued" {
		t.Errorf("it waits as %v", a)
	}
}
