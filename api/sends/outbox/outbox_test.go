package outbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

func TestQueueKeepsItsOrder(t *testing.T) {
	r, run := newRig(t, -1)
	past, soon := time.Now().Add(-time.Hour), time.Now().Add(1500*time.Millisecond)
	r.queue("soon", "third", &soon)
	r.queue("a", "first", &past) // past is now
	r.queue("b", "second", nil)
	run()
	r.state("soon", "sent")
	if got := texts(r.seen()); !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("sent %v", got)
	}
	if time.Now().Before(soon) {
		t.Error("sent before its time")
	}
	types, payloads := r.events()
	if !slices.Equal(types, []string{"send_update", "send_update", "send_update"}) || !strings.Contains(payloads[0], `"key":"a"`) || !strings.Contains(payloads[0], `"state":"sent"`) {
		t.Errorf("events %v %v", types, payloads)
	}
	for _, c := range r.seen() {
		if !c.GetFirst() || c.GetMessageId() == "" {
			t.Errorf("call %v", c)
		}
	}
	if a := r.want(200, "GET", "/api/instances/"+r.id+"/sends/a", nil); a.str("send.result") != "ok" {
		t.Errorf("%v", a)
	}
}

func TestQueueIsIdempotent(t *testing.T) {
	r, run := newRig(t, -1)
	first, again := r.queue("k", "Hello", nil), r.queue("k", "Hello", nil)
	if first.str("send.messageId") != again.str("send.messageId") {
		t.Error("queued twice")
	}
	r.want(http.StatusConflict, "POST", "/api/instances/"+r.id+"/sends", map[string]any{"params": []string{"4915112345678@c.us", "other"}}, "Idempotency-Key", "k")
	run()
	r.state("k", "sent")
	if a := r.queue("k", "Hello", nil); a.str("send.state") != "sent" || len(r.seen()) != 1 {
		t.Errorf("%v, %d calls", a, len(r.seen()))
	}
}

func TestCancel(t *testing.T) {
	r, run := newRig(t, -1)
	later := time.Now().Add(time.Hour)
	r.queue("later", "never", &later)
	first := r.want(200, "DELETE", "/api/instances/"+r.id+"/sends/later", nil)
	again := r.want(200, "DELETE", "/api/instances/"+r.id+"/sends/later", nil) // for lack of an answer
	for _, a := range []answer{first, again} {
		if a.str("send.state") != "cancelled" || a.str("send.endedAt") != first.str("send.endedAt") {
			t.Errorf("%v, and again %v", first, again)
		}
	}
	r.want(http.StatusNotFound, "DELETE", "/api/instances/"+r.id+"/sends/unknown", nil)
	r.queue("k", "Hello", nil)
	run()
	r.state("k", "sent")
	r.want(http.StatusConflict, "DELETE", "/api/instances/"+r.id+"/sends/k", nil)
	if len(r.seen()) != 1 {
		t.Errorf("%d calls", len(r.seen()))
	}
}

func TestRefusedOneHoldsUpNobody(t *testing.T) {
	r, run := newRig(t, -1)
	r.does(func(in *workerv1.CallRequest) (string, error) {
		if strings.Contains(string(in.GetParams()), "bad") {
			return "", &fault.Error{Kind: fault.Refused, Code: "not_on_whatsapp", Msg: "WhatsApp does not know this number"}
		}
		return `"ok"`, nil
	})
	r.queue("a", "bad", nil)
	r.queue("b", "good", nil)
	run()
	r.state("b", "sent")
	if a := r.state("a", "failed"); a.str("send.code") != "not_on_whatsapp" {
		t.Errorf("%v", a)
	}
}

// A queued one that ends with a failure is only told as failed when it is sure
// that nothing of it is out.
func TestOneThatMayBeOutIsNotToldAsFailed(t *testing.T) {
	r, run := newRig(t, -1)
	sent := map[string]*fault.Error{
		"unsaid":  {Kind: fault.NotFound, Msg: "no"},
		"nothing": {Kind: fault.NotFound, Sent: fault.SentNothing, Msg: "no"},
		"perhaps": {Kind: fault.NotFound, Sent: fault.SentPerhaps, Msg: "no"},
		"refused": {Kind: fault.Refused, Sent: fault.SentPerhaps, Msg: "no"},
	}
	r.does(func(in *workerv1.CallRequest) (string, error) {
		return "", sent[texts([]*workerv1.CallRequest{in})[0]]
	})
	for text := range sent {
		r.queue(text, text, nil)
	}
	run()
	for text := range sent {
		want := "failed"
		if text == "perhaps" {
			want = "unknown"
		}
		r.state(text, want)
	}
	if _, payloads := r.events(); len(payloads) != len(sent) || !strings.Contains(strings.Join(payloads, ""), `"state":"unknown"`) {
		t.Errorf("events %v", payloads)
	}
}

// WhatsApp's "too much" lets the whole queue rest until the time it named.
func TestPause(t *testing.T) {
	r, run := newRig(t, -1)
	refused := make(chan time.Time, 1)
	r.does(func(*workerv1.CallRequest) (string, error) {
		r.does(func(*workerv1.CallRequest) (string, error) { return `"ok"`, nil })
		refused <- time.Now()
		return "", &fault.Error{Kind: fault.RateLimited, Code: "wa_429", Msg: "too much", RetryAfter: 1200 * time.Millisecond}
	})
	r.queue("a", "first", nil)
	r.queue("b", "second", nil)
	run()
	r.state("b", "sent")
	if since := time.Since(<-refused); since < 1200*time.Millisecond {
		t.Errorf("went on after %v", since)
	}
	if got := texts(r.seen()); !slices.Equal(got, []string{"first", "first", "second"}) {
		t.Errorf("sent %v", got)
	}
	if calls := r.seen(); calls[0].GetMessageId() != calls[1].GetMessageId() || calls[1].GetFirst() {
		t.Error("the repetition is another message")
	}
	types, payloads := r.events()
	if !slices.Equal(types, []string{"sends_paused", "sends_resumed", "send_update", "send_update"}) || !strings.Contains(payloads[0], `"reason":"wa_429"`) {
		t.Errorf("events %v %v", types, payloads)
	}
}

// The instance's rate holds for queued messages; they wait instead of failing.
func TestQueueKeepsTheRate(t *testing.T) {
	r, run := newRig(t, 2)
	for _, k := range []string{"a", "b", "c"} {
		r.queue(k, k, nil)
	}
	run()
	r.state("b", "sent")
	if a := r.state("c", "queued"); a.str("send.code") != "" && a.str("send.code") != "send_rate" {
		t.Errorf("%v", a)
	}
	if len(r.seen()) != 2 {
		t.Errorf("%d calls in a minute that may hold 2", len(r.seen()))
	}
}

// A queue survives its manager: what was interrupted is tried again under the
// same id.
func TestNextManagerFinishesTheQueue(t *testing.T) {
	r, run := newRig(t, -1)
	r.queue("a", "first", nil)
	r.queue("b", "second", nil)
	// As a manager leaves it that was killed while a worker had the first one.
	_, err := r.store.Pool().Exec(t.Context(), `update sends set state = 'running', attempts = 1 where key = 'a'`)
	must(t, err)
	_, err = r.store.Pool().Exec(t.Context(), `update river_job set state = 'running', attempted_at = now(), attempt = 1, attempted_by = array['gone']`)
	must(t, err)
	run()
	r.state("b", "sent")
	calls := r.seen()
	if got := texts(calls); !slices.Equal(got, []string{"first", "second"}) || calls[0].GetFirst() || !calls[1].GetFirst() {
		t.Errorf("sent %v", got)
	}
}

func TestBadQueueing(t *testing.T) {
	r, _ := newRig(t, -1)
	far := time.Now().AddDate(2, 0, 0)
	for name, body := range map[string]map[string]any{
		"sendAt": {"params": []any{"1@c.us", "x"}, "sendAt": far},
		"method": {"params": []any{}, "method": "getChats"},
		"params": {"params": []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.want(http.StatusBadRequest, "POST", "/api/instances/"+r.id+"/sends", body)
			if !strings.HasPrefix(a.str("field"), name) {
				t.Errorf("%s: %v", name, a)
			}
		})
	}
	r.want(http.StatusNotFound, "POST", "/api/instances/"+r.id+"/sends", map[string]any{"params": []any{}, "method": "nothing"})
	r.want(http.StatusNotFound, "POST", "/api/instances/zzzzzzzzzzzz/sends", map[string]any{"params": []any{"1@c.us", "x"}})
}
