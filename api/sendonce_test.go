package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const anyText = `["4915112345678@c.us","Hello"]`

func TestSameKeySameAnswer(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.worker.says(`{"ack":1,"n":12345678901234567890}`, nil)
	send := func(body, value string) answer {
		return o.do("POST", "/api/proxy/sendMessage", key, []byte(body), "Idempotency-Key", value)
	}
	first := send(anyText, "order-1")
	o.worker.says(`"another"`, nil)
	again := send(`{"params": [ "4915112345678@c.us",  "Hello" ]}`, "order-1")
	if first.status != 200 || again.status != 200 || first.str("result.ack") != "1" || again.str("result.ack") != "1" || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %d %s, again %d %s", first.status, first.raw, again.status, again.raw)
	}
	if calls := o.worker.seen(); len(calls) != 1 {
		t.Errorf("the worker was asked %d times", len(calls))
	}
	if a := send(`["4915112345678@c.us","Hello!"]`, "order-1"); a.status != http.StatusConflict || a.str("code") != "key_reused" || a.str("details.field") != "Idempotency-Key" {
		t.Errorf("another body: %d %s", a.status, a.raw)
	}
	if a := o.do("POST", "/api/proxy/Message.react", key, []byte(`["false_4915112345678@c.us_ABCDEFGH","x"]`), "Idempotency-Key", "order-1"); a.status != http.StatusConflict {
		t.Errorf("another method: %d %s", a.status, a.raw)
	}
	if a := send(anyText, "order-2"); a.status != 200 || a.str("result") != "another" {
		t.Errorf("another key: %d %s", a.status, a.raw)
	}
	var out struct{ Send sends.SendView }
	a := o.want(http.StatusOK, "GET", "/api/instances/"+id+"/sends/order-1", key, nil)
	must(t, json.Unmarshal(a.raw, &out))
	if out.Send.State != "sent" || out.Send.MessageID != o.worker.seen()[0].GetMessageId() || string(out.Send.Result) != `{"ack":1,"n":12345678901234567890}` || out.Send.Attempts != 1 || out.Send.EndedAt == nil {
		t.Errorf("told %s", a.raw)
	}
}

func TestFailureBeforeSendingLeavesTheKeyFree(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	for _, kind := range []fault.Kind{fault.Invalid, fault.NotFound, fault.Unpaired, fault.TooLarge} {
		o.worker.says("", fault.New(kind, "test", "no"))
		o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "k")
		o.want(http.StatusNotFound, "GET", "/api/instances/"+id+"/sends/k", key, nil)
	}
	o.worker.says(`"sent"`, nil)
	if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(`["4915112345678@c.us","put right"]`), "Idempotency-Key", "k"); a.str("result") != "sent" {
		t.Errorf("after a mistake was put right: %s", a.raw)
	}
}

// What a failed first attempt means for its send: as the worker says it, or else
// as its kind does. "" is as if it had never been asked for.
func TestFates(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.want(http.StatusOK, http.MethodPatch, "/api/instances/"+id, o.token, map[string]any{"sendsPerMinute": 1000})
	for _, tc := range []struct {
		kind fault.Kind
		sent fault.Sent
		want string
	}{
		{fault.Offline, fault.SentNothing, ""},
		{fault.Unavailable, fault.SentNothing, ""},
		{fault.Deadline, fault.SentNothing, ""},
		{fault.Internal, fault.SentNothing, ""},
		{fault.RateLimited, fault.SentNothing, ""},
		{fault.Refused, fault.SentNothing, "failed"},
		{fault.Offline, fault.SentUnsaid, "unknown"},
		{fault.Unavailable, fault.SentUnsaid, "unknown"},
		{fault.Deadline, fault.SentUnsaid, "unknown"},
		{fault.Internal, fault.SentUnsaid, "unknown"},
		{fault.RateLimited, fault.SentUnsaid, ""},
		{fault.Invalid, fault.SentUnsaid, ""},
		{fault.Refused, fault.SentUnsaid, "failed"},
		{fault.Offline, fault.SentPerhaps, "unknown"},
		{fault.Invalid, fault.SentPerhaps, "unknown"},
		{fault.NotFound, fault.SentPerhaps, "unknown"},
		{fault.RateLimited, fault.SentPerhaps, "unknown"},
		{fault.Refused, fault.SentPerhaps, "failed"},
	} {
		t.Run(string(tc.kind)+" "+string(tc.sent), func(t *testing.T) {
			name := string(tc.kind) + "-" + string(tc.sent)
			o.worker.says("", &fault.Error{Kind: tc.kind, Sent: tc.sent, Msg: "no"})
			if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", name); (a.str("details.idempotencyKey") == "") != (tc.want == "") {
				t.Errorf("%s: names its key, or not: %s", name, a.raw)
			}
			if a := o.do("GET", "/api/instances/"+id+"/sends/"+name, key, nil); a.str("send.state") != tc.want || tc.want == "" && a.status != http.StatusNotFound {
				t.Errorf("%s: %d %s, want %q", name, a.status, a.str("send.state"), tc.want)
			}
			// Of a repetition nothing follows for the attempt before it.
			o.worker.says("", fault.New(fault.Unavailable, "test", "gone"))
			o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "again-"+name)
			o.worker.says("", &fault.Error{Kind: tc.kind, Sent: tc.sent, Msg: "no"})
			o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "again-"+name)
			if a := o.do("GET", "/api/instances/"+id+"/sends/again-"+name, key, nil); a.str("send.state") != "unknown" && tc.want != "failed" {
				t.Errorf("%s, after an attempt nobody saw the end of: %s", name, a.raw)
			}
		})
	}
}

// A message that was not sent has not used its turn in the rate; an answer of
// WhatsApp has.
func TestWhatSentNothingTakesNoTurn(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.want(http.StatusOK, http.MethodPatch, "/api/instances/"+id, o.token, map[string]any{"sendsPerMinute": 1})
	for range 3 {
		o.worker.says("", &fault.Error{Kind: fault.Offline, Sent: fault.SentNothing, Msg: "no"})
		if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText)); a.status != http.StatusBadGateway || a.str("details.idempotencyKey") != "" {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	o.worker.says("", &fault.Error{Kind: fault.Refused, Sent: fault.SentNothing, Msg: "no"})
	for _, want := range []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests} {
		if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText)); a.status != want {
			t.Errorf("%d %s, want %d", a.status, a.raw, want)
		}
	}
}

func TestRefusedSendIsTold(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.worker.says("", &fault.Error{Kind: fault.Refused, Code: "not_encrypted", Msg: "nobody can read it"})
	if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "k"); a.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	a := o.want(http.StatusOK, "GET", "/api/instances/"+id+"/sends/k", key, nil)
	if a.str("send.state") != "failed" || a.str("send.code") != "not_encrypted" || a.str("send.error") != "nobody can read it" {
		t.Errorf("%s", a.raw)
	}
	o.worker.says(`"now"`, nil)
	if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "k"); a.str("result") != "now" {
		t.Errorf("repeated: %s", a.raw)
	}
	if calls := o.worker.seen(); calls[0].GetMessageId() != calls[1].GetMessageId() || !calls[0].GetFirst() || calls[1].GetFirst() {
		t.Error("a repetition is the same message, and the worker is told to look")
	}
}

// A worker that is lost during a send leaves a key behind, with the client's
// key and without one.
func TestSendWhoseEndNobodySaw(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	for name, headers := range map[string][]string{"with a key": {"Idempotency-Key", "mine"}, "without": nil, "with a receipt": nil} {
		t.Run(name, func(t *testing.T) {
			o.worker.says("", fault.New(fault.Unavailable, "test", "the worker is gone"))
			a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), headers...)
			sendKey := a.str("details.idempotencyKey")
			if a.status != http.StatusServiceUnavailable || sendKey == "" || headers != nil && sendKey != "mine" {
				t.Fatalf("%s: %d %s", name, a.status, a.raw)
			}
			if a := o.want(http.StatusOK, "GET", "/api/instances/"+id+"/sends/"+sendKey, key, nil); a.str("send.state") != "unknown" || a.str("send.code") != "unavailable" {
				t.Errorf("%s: %s", name, a.raw)
			}
			messageID := o.worker.seen()[len(o.worker.seen())-1].GetMessageId()
			if name == "with a receipt" { // the worker died before it could record the message, but the message was out
				o.receipt(id, messageID)
			} else {
				o.mirrored(id, messageID)
			}
			if a := o.want(http.StatusOK, "GET", "/api/instances/"+id+"/sends/"+sendKey, key, nil); a.str("send.state") != "sent" || a.str("send.code") != "" {
				t.Errorf("%s, seen later: %s", name, a.raw)
			}
			o.worker.says(`"from the mirror"`, nil)
			if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", sendKey); a.str("result") != "from the mirror" {
				t.Errorf("%s: repeated: %s", name, a.raw)
			}
			if calls := o.worker.seen(); calls[len(calls)-1].GetMessageId() != messageID || calls[len(calls)-1].GetFirst() {
				t.Errorf("%s: the repetition is another message", name)
			}
		})
	}
	// In the other form of errors, too.
	o.worker.says("", fault.New(fault.Deadline, "test", "late"))
	if a := o.do("POST", "/api/instances/"+id+"/send", key, map[string]any{"chatId": "4915112345678@c.us", "content": "Hello"}); a.status != http.StatusGatewayTimeout || a.str("idempotencyKey") == "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestOneRequestPerKeyAtATime(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	entered, leave := make(chan struct{}), make(chan struct{})
	o.worker.does(func(context.Context, *workerv1.CallRequest) (string, error) {
		close(entered)
		<-leave
		return `"ok"`, nil
	})
	first := make(chan answer, 1)
	go func() {
		first <- o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "k")
	}()
	<-entered
	second := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", "k")
	told := o.do("GET", "/api/instances/"+id+"/sends/k", key, nil)
	close(leave)
	if second.status != http.StatusConflict || second.str("code") != "send_in_progress" || second.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", second.status, second.raw)
	}
	if told.str("send.state") != "running" {
		t.Errorf("meanwhile: %s", told.raw)
	}
	if a := <-first; a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestSendsAreListedAndOthersSeeNone(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	_, other := o.instance(o.token)
	for _, k := range []string{"a", "b", "c"} {
		o.want(http.StatusOK, "POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", k)
	}
	var out struct {
		Sends      []sends.SendView
		Pagination struct{ Total int }
	}
	must(t, json.Unmarshal(o.want(http.StatusOK, "GET", "/api/instances/"+id+"/sends?state=sent&limit=2", key, nil).raw, &out))
	if len(out.Sends) != 2 || out.Sends[0].Key != "c" || out.Pagination.Total != 3 {
		t.Errorf("%+v", out)
	}
	o.want(http.StatusNotFound, "GET", "/api/instances/"+id+"/sends/a", other, nil)
	o.want(http.StatusNotFound, "GET", "/api/instances/"+id+"/sends", other, nil)
	if n, err := o.store.PruneSends(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 3 {
		t.Errorf("pruned %d, %v", n, err)
	}
}

func TestKeyIsBounded(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	long := make([]byte, 256)
	for i := range long {
		long[i] = 'k'
	}
	if a := o.do("POST", "/api/proxy/sendMessage", key, []byte(anyText), "Idempotency-Key", string(long)); a.status != http.StatusBadRequest || a.str("details.field") != "Idempotency-Key" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// mirrored puts an own message into the mirror, as its worker does.
func (o *office) mirrored(id, messageID string) {
	o.t.Helper()
	_, err := o.store.Pool().Exec(o.t.Context(), `insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack)
		values ($1, '4915112345678@c.us', $2, true, '4915100000000@c.us', 1, 'chat', 1)`, id, messageID)
	must(o.t, err)
}

// receipt notes that the recipient has a message, as the worker does.
func (o *office) receipt(id, messageID string) {
	o.t.Helper()
	_, err := o.store.Pool().Exec(o.t.Context(), `insert into receipts (instance_id, chat, message_id, participant, delivered_at)
		values ($1, '4915112345678@c.us', $2, '4915112345678@c.us', 1)`, id, messageID)
	must(o.t, err)
}
