package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestStreamResumesWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	o.happen("chat", 450)
	seen := 0
	read := func(next func() (event, error), n int) {
		t.Helper()
		for range n {
			e, err := next()
			must(t, err)
			seen++
			if e.ID != fmt.Sprint(seen) || e.Data["id"] != fmt.Sprintf("evt_%s_%d", instance, seen) || e.Name != "message" {
				t.Fatalf("event %+v, want seq %d", e, seen)
			}
		}
	}
	next, done := o.stream(ctx, "?after=0", "")
	read(next, 430)
	done()
	// A browser reconnects with the URL it knows and its last id, which wins.
	next, done = o.stream(ctx, "?after=0", "430")
	read(next, 20)
	o.happen("chat", 5)
	read(next, 5)
	done()
	// Without a position only what comes.
	next, done = o.stream(ctx, "?events=message_ack,qr", "")
	defer done()
	o.happen("chat", 3)
	o.happenAs("message_ack", "chat", 1)
	if e, err := next(); err != nil || e.Name != "message_ack" || e.ID != "459" {
		t.Errorf("filtered: %+v, %v", e, err)
	}
}

func TestPagesOfTheFeed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.happen("chat", 7)
	o.happenAs("message_ack", "chat", 2)
	path := "/api/instances/" + string(instance) + "/events"
	page := o.do(http.StatusOK, "GET", path+"?after=2&limit=3", o.admin, nil)
	if events := page["events"].([]any); len(events) != 3 || page["next"] != 5.0 || at(events[0].(map[string]any), "seq") != 3.0 {
		t.Errorf("page: %v", page)
	}
	if page = o.do(http.StatusOK, "GET", path+"?events=message_ack", o.admin, nil); len(page["events"].([]any)) != 2 || page["next"] != 9.0 {
		t.Errorf("filtered page: %v", page)
	}
	for field, query := range map[string]string{"limit": "?limit=0", "after": "?after=x"} {
		t.Run(field, func(t *testing.T) {
			if p := o.do(http.StatusBadRequest, "GET", path+query, o.admin, nil); !strings.Contains(fmt.Sprint(p), field) {
				t.Errorf("%s is not named: %v", field, p)
			}
		})
	}
}

// The same events over a WebSocket, with the same resuming.
func TestWebSocketResumes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	dial := func(query, token string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(ctx, o.base+"/api/instances/"+string(instance)+"/events"+query, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	}
	o.happen("chat", 250)
	conn, _, err := dial("?after=0", o.admin)
	must(t, err)
	read := func(from, to int) {
		t.Helper()
		for seq := from; seq <= to; seq++ {
			kind, raw, err := conn.Read(ctx)
			must(t, err)
			var e struct {
				ID, Event string
				Data      map[string]any
			}
			must(t, json.Unmarshal(raw, &e))
			if kind != websocket.MessageText || e.ID != fmt.Sprintf("evt_%s_%d", instance, seq) || e.Event != "message" || e.Data == nil {
				t.Fatalf("event %s, want seq %d", raw, seq)
			}
		}
	}
	read(1, 240)
	must(t, conn.Close(websocket.StatusNormalClosure, ""))
	conn, _, err = dial("?after=240", o.admin)
	must(t, err)
	read(241, 250)
	o.happen("chat", 3)
	read(251, 253)
	must(t, conn.Close(websocket.StatusNormalClosure, ""))
	if _, resp, err := dial("", "nobody"); err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger was let in: %v", err)
	}
}
