package feed_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	payload "whatsapp-manager/proto/event"
)

// told commits one event whose argument is a Message with this content.
func (o *office) told(raw payload.Raw) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sql(`with head as (update feeds set head = head + 1 where instance_id = $1 returning head)
		insert into events (instance_id, seq, key, type, lane, payload, at)
		select $1, head, 'key' || head, 'message', 'chat', $2, now() from head`,
		instance, string(payload.EncodeWith(raw, json.RawMessage(`{"body":"b","_data":{"self":"in"}}`), json.RawMessage(`7`))))
	o.hub.Publish(instance)
}

// The three forms that a reader may get of a message.
const (
	bare    = `{"body":"b","_data":{"self":"in"}}`
	rich    = `{"body":"b","_data":{"self":"in","message":{"conversation":"<whole>"}}}`
	tooLong = `{"body":"b","_data":{"self":"in","rawOmitted":true}}`
)

var whole = payload.Raw{Message: json.RawMessage(`{"conversation":"<whole>"}`)}

// isMessage looks at what a reader got.
func isMessage(t *testing.T, envelope []byte, want string) {
	t.Helper()
	var got struct {
		Data json.RawMessage
		Args []json.RawMessage
	}
	must(t, json.Unmarshal(envelope, &got))
	var fields map[string]json.RawMessage
	must(t, json.Unmarshal(envelope, &fields))
	if len(got.Args) != 2 || plain(t, got.Data) != want || plain(t, got.Args[0]) != want || string(got.Args[1]) != "7" {
		t.Errorf("got %s, want %s", envelope, want)
	}
	if fields["raw"] != nil || fields["rawOmitted"] != nil {
		t.Errorf("the feed's own keys went out: %s", envelope)
	}
}

// plain writes < as it is.
func plain(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(raw))
}

func TestRawContentGoesToWebhooksThatWantIt(t *testing.T) {
	t.Parallel()
	o, with, without := newOffice(t), newReceiver(t), newReceiver(t)
	of := "/api/instances/" + string(instance) + "/webhooks"
	wanted := func() bool {
		on, err := o.store.RawEvents(t.Context(), instance)
		must(t, err)
		rows, err := o.store.Supervision().Instances(t.Context())
		must(t, err)
		for _, r := range rows {
			if r.ID == instance && r.RawEvents != on {
				t.Errorf("the supervisor's list says %v, the store says %v", r.RawEvents, on)
			}
		}
		return on
	}
	first := o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": without.URL})
	if wanted() || at(first, "webhook.raw") != false {
		t.Error("it was switched on unasked")
	}
	second := o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": with.URL, "raw": true})
	if !wanted() || at(second, "webhook.raw") != true {
		t.Error("a webhook with raw did not switch it on")
	}
	o.told(whole)
	isMessage(t, with.waitAll(t, 1)[0].Body, rich)
	isMessage(t, without.waitAll(t, 1)[0].Body, bare)
	o.told(payload.Raw{Omitted: true})
	isMessage(t, with.waitAll(t, 2)[1].Body, tooLong)
	isMessage(t, without.waitAll(t, 2)[1].Body, bare)
	o.told(payload.Raw{})
	isMessage(t, with.waitAll(t, 3)[2].Body, bare)

	one, other := "/api/webhooks/"+at(second, "webhook.id").(string), "/api/webhooks/"+at(first, "webhook.id").(string)
	o.do(http.StatusOK, "PATCH", other, o.admin, map[string]any{"raw": true})
	o.do(http.StatusOK, "PATCH", one, o.admin, map[string]any{"raw": false, "enabled": false})
	if shown := o.do(http.StatusOK, "GET", one, o.admin, nil); at(shown, "webhook.raw") != false || !wanted() {
		t.Errorf("one of two changed: %v", shown)
	}
	o.told(whole)
	isMessage(t, without.waitAll(t, 4)[3].Body, rich)
	o.do(http.StatusOK, "PATCH", other, o.admin, map[string]any{"enabled": false})
	if !wanted() {
		t.Error("what a disabled webhook gets later would lack it")
	}
	o.do(http.StatusNoContent, "DELETE", other, o.admin, nil)
	if wanted() {
		t.Error("it stayed on after the last went")
	}
	o.do(http.StatusBadRequest, "POST", of, o.admin, map[string]any{"url": with.URL, "raw": "yes"})
}

func TestRawContentGoesToStreamsThatWantIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	path := "/api/instances/" + string(instance)
	for name, query := range map[string]string{"page": "?raw=true", "stream": "?raw=true&after=0"} {
		t.Run("refused "+name, func(t *testing.T) {
			p := o.do(http.StatusConflict, "GET", path+"/events"+query, o.admin, nil)
			if p["code"] != "raw_events_off" || p["field"] != "raw" || !strings.Contains(p["detail"].(string), `{"rawEvents":true}`) {
				t.Errorf("got %v", p)
			}
		})
	}
	o.do(http.StatusBadRequest, "GET", path+"/events?raw=1", o.admin, nil)
	set := o.do(http.StatusOK, "PATCH", path, o.admin, map[string]any{"rawEvents": true})
	if shown := o.do(http.StatusOK, "GET", path, o.admin, nil); at(set, "instance.rawEvents") != true || at(shown, "instance.rawEvents") != true {
		t.Errorf("set %v, shown %v", set, shown)
	}
	if o.do(http.StatusOK, "PATCH", path, o.admin, map[string]any{"name": "x"}); at(o.do(http.StatusOK, "GET", path, o.admin, nil), "instance.rawEvents") != true {
		t.Error("another change took it back")
	}
	o.told(whole)
	o.happen("chat", 60)
	for query, want := range map[string]string{"": bare, "&raw=false": bare, "&raw=true": rich} {
		t.Run("page"+query, func(t *testing.T) {
			page := o.do(http.StatusOK, "GET", path+"/events?limit=1"+query, o.admin, nil)
			envelope, err := json.Marshal(page["events"].([]any)[0])
			must(t, err)
			var got, wanted any
			must(t, json.Unmarshal([]byte(want), &wanted))
			must(t, json.Unmarshal(envelope, &got))
			sorted, err := json.Marshal(wanted)
			must(t, err)
			isMessage(t, envelope, plain(t, sorted))
		})
		t.Run("stream"+query, func(t *testing.T) {
			next, done := o.stream(ctx, "?after=0"+query, "")
			defer done()
			e, err := next()
			must(t, err)
			data, err := json.Marshal(e.Data["data"])
			must(t, err)
			if has := strings.Contains(string(data), "whole"); has != (want == rich) {
				t.Errorf("got %s", data)
			}
			for range 60 { // it goes on behind a short page
				_, err = next()
				must(t, err)
			}
		})
		t.Run("websocket"+query, func(t *testing.T) {
			conn, _, err := websocket.Dial(ctx, o.base+path+"/events?after=0"+query, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + o.admin}}})
			must(t, err)
			defer func() { _ = conn.CloseNow() }()
			_, envelope, err := conn.Read(ctx)
			must(t, err)
			isMessage(t, envelope, want)
		})
	}
	if page := o.do(http.StatusOK, "GET", path+"/events?limit=500&raw=true", o.admin, nil); len(page["events"].([]any)) != 50 || page["next"] != 50.0 {
		t.Errorf("a page with raw content: %d events, next %v", len(page["events"].([]any)), page["next"])
	}
	o.do(http.StatusOK, "PATCH", path, o.admin, map[string]any{"rawEvents": false})
	o.do(http.StatusConflict, "GET", path+"/events?raw=true", o.admin, nil)
}

// Somebody else's instance is not there, raw or not.
func TestRawContentIsNobodyElses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mallory := o.tenant("mallory@example.com")
	path := "/api/instances/" + string(instance)
	o.do(http.StatusOK, "PATCH", path, o.admin, map[string]any{"rawEvents": true})
	o.told(whole)
	for _, ask := range [][]any{
		{"GET", path + "/events?raw=true", nil},
		{"PATCH", path, map[string]any{"rawEvents": false}},
		{"POST", path + "/webhooks", map[string]any{"url": "http://127.0.0.1:1/", "raw": true, "currentPassword": password}},
	} {
		t.Run(ask[0].(string), func(t *testing.T) {
			o.do(http.StatusNotFound, ask[0].(string), ask[1].(string), mallory, ask[2])
		})
	}
	on, err := o.store.RawEvents(t.Context(), instance)
	must(t, err)
	if !on {
		t.Error("a stranger changed it")
	}
}
