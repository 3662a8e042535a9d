package e2e

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// offer is what a business sends: buttons in WhatsApp's own JSON, and beside them what no
// shape of whatsapp-web.js has a place for.
func offer(body string) string {
	return `{"interactiveMessage":{"body":{"text":"` + body + `"},"nativeFlowMessage":{"buttons":[
		{"name":"galaxy_message","buttonParamsJSON":"{\"flow_id\":\"77\",\"flow_cta\":\"Book\"}"}],"messageParamsJSON":"{\"from\":\"api\"}"}}}`
}

// written is _data.message of a message's event, nil where there is none.
func written(t *testing.T, ev stack.Event) any {
	t.Helper()
	raw := ev.Data
	if len(ev.Args) == 0 || string(ev.Args[0]) != string(raw) {
		t.Errorf("data is not the first argument: %s", ev.Args)
	}
	var m struct {
		Data struct {
			Message any `json:"message"`
		} `json:"_data"`
	}
	must(t, json.Unmarshal(raw, &m))
	return m.Data.Message
}

func TestRawContentOfEvents(t *testing.T) {
	t.Parallel()
	url := storetest.NewURL(t)
	s := start(t, "WAM_DATABASE_URL="+url)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	shop := person(t, "Shop", wasim.AccountOptions{})
	with, without := receiver(t), receiver(t)
	alice.hook(t, without, "message", "message_create")
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })

	// rows counts the rows of the feed that hold the text, and of these those with raw content.
	// The two events of a message share one.
	rows := func(body string) (n, raw int) {
		must(t, conn.QueryRow(t.Context(), `select count(*), count(payload -> 'raw') from events
			where instance_id = $1 and type in ('message', 'message_create') and payload -> 'args' -> 0 ->> 'body' = $2`, alice.id, body).Scan(&n, &raw))
		return n, raw
	}
	// sends has the shop send an offer and returns what the two webhooks got of it.
	sends := func(body string, both bool) (rich, bare []any) {
		t.Helper()
		if sent := composetest.Message(t, sim, shop.Number(), alice.Number(), offer(body), ""); sent.Outcome != "delivered" {
			t.Fatalf("sent %+v", sent)
		}
		of := func(r *stack.Receiver) (all []any) {
			must(t, r.Wait(deadline(t, 20*time.Second), "the offer "+body, func(events []stack.Event) bool {
				all = nil
				for _, ev := range events {
					if m, err := ev.Message(); err == nil && m.Body == body {
						all = append(all, written(t, ev))
					}
				}
				return len(all) == 2
			}))
			return all
		}
		if both {
			rich = of(with)
		}
		return rich, of(without)
	}
	none := func(what, body string) {
		t.Helper()
		if n, raw := rows(body); n != 1 || raw != 0 {
			t.Errorf("%s: %d rows, %d with raw content", what, n, raw)
		}
	}
	same := func(what string, got []any, body string) {
		t.Helper()
		var want any
		must(t, json.Unmarshal([]byte(offer(body)), &want))
		for _, one := range got {
			if !reflect.DeepEqual(one, want) {
				t.Errorf("%s: got %v, want %v", what, one, want)
			}
		}
		if n, raw := rows(body); n != 1 || raw != 1 {
			t.Errorf("%s: %d rows, %d with raw content", what, n, raw)
		}
	}

	if _, bare := sends("nobody asks", false); bare[0] != nil || bare[1] != nil {
		t.Errorf("without anybody who asks: %v", bare)
	}
	none("nobody asks", "nobody asks")

	var made struct {
		Webhook struct{ ID string }
		Secret  string
	}
	must(t, s.Client.Want(deadline(t, 10*time.Second), http.StatusCreated, http.MethodPost, "/api/instances/"+alice.id+"/webhooks",
		map[string]any{"url": with.URL(), "raw": true, "events": []string{"message", "message_create"}}, &made))
	with.Expect(made.Secret)
	pid := oneEach(t, s, alice)[alice.id]
	rich, bare := sends("asked for", true)
	if same("asked for", rich, "asked for"); bare[0] != nil || bare[1] != nil {
		t.Errorf("who did not ask got %v", bare)
	}
	var answered struct{ Message any }
	var last stack.Message
	for _, ev := range with.Events() {
		last, err = ev.Message()
		must(t, err)
	}
	alice.call(t, "Message.rawData", &answered, last.ID.Serialized)
	if !reflect.DeepEqual(answered.Message, rich[0]) {
		t.Errorf("rawData answers %v, the event has %v", answered.Message, rich[0])
	}

	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, time.Minute)))
	_, err = s.Client.Ready(deadline(t, time.Minute), alice.id)
	must(t, err)
	rich, _ = sends("after the kill", true)
	same("after the kill", rich, "after the kill")
	if now := oneEach(t, s, alice)[alice.id]; now != pid {
		t.Errorf("the worker was replaced: %d, before %d", now, pid)
	}
	must(t, s.Client.Want(deadline(t, time.Minute), http.StatusAccepted, http.MethodPost, "/api/instances/"+alice.id+"/restart", nil, nil))
	eventually(t, time.Minute, "another worker", func() bool {
		now := s.Workers()[alice.id]
		return len(now) == 1 && now[0] != pid
	})
	_, err = s.Client.Ready(deadline(t, time.Minute), alice.id)
	must(t, err)
	rich, _ = sends("another worker", true)
	same("another worker", rich, "another worker")

	must(t, s.Client.Want(deadline(t, 10*time.Second), http.StatusNoContent, http.MethodDelete, "/api/webhooks/"+made.Webhook.ID, nil, nil))
	sends("nobody asks any more", false)
	none("nobody asks any more", "nobody asks any more")
	logs, err := s.Logs()
	must(t, err)
	for name, log := range logs {
		if strings.Contains(string(log), "galaxy_message") {
			t.Errorf("%s has content", name)
		}
	}
}
