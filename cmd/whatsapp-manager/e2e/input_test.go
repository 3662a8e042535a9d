package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim"
)

func TestBadInputIsTheCallersFault(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	before, err := s.Client.Instance(t.Context(), alice.id)
	must(t, err)
	proxy := func(method string) string { return "/api/proxy/" + alice.key + "/" + method }
	huge := []byte(`{"params":["` + wid(bob) + `","` + strings.Repeat("x", 6<<20) + `"]}`)
	for _, tc := range []struct {
		name, path string
		body       any
		status     int
		says       string // the answer must contain it
	}{
		{"unknown method", proxy("sendMesage"), map[string]any{"params": []any{}}, 404, "sendMessage"},
		{"unknown whatsmeow method", proxy("whatsmeow.Fly"), map[string]any{"params": []any{}}, 404, "Fly"},
		{"too few parameters", proxy("sendMessage"), map[string]any{"params": []any{wid(bob)}}, 400, "content"},
		{"too many parameters", proxy("getState"), map[string]any{"params": []any{1, 2, 3}}, 400, "param"},
		{"number for a string", proxy("sendMessage"), map[string]any{"params": []any{17, "x"}}, 400, "chatId"},
		{"no JID", proxy("sendMessage"), map[string]any{"params": []any{"nobody at all", "x"}}, 400, "chatId"},
		{"empty JID", proxy("sendMessage"), map[string]any{"params": []any{"", "x"}}, 400, "chatId"},
		{
			"JID with a strange server", proxy("sendMessage"),
			map[string]any{"params": []any{"1@example.org", "x"}},
			400, "chatId",
		},
		{"null for everything", proxy("sendMessage"), map[string]any{"params": []any{nil, nil}}, 400, "chatId"},
		{"object for an array", proxy("sendMessage"), map[string]any{"params": map[string]any{"to": "x"}}, 400, "params"},
		{"not JSON", proxy("sendMessage"), []byte(`{"params":[`), 400, ""},
		{"nothing", proxy("sendMessage"), []byte(``), 400, ""},
		{"invalid UTF-8", proxy("sendMessage"), []byte("{\"params\":[\"" + wid(bob) + "\",\"\xff\xfe\"]}"), 400, "UTF-8"},
		{
			"lone surrogate", proxy("sendMessage"), []byte(`{"params":["` + wid(bob) + `",{"$type":"Nothing","x":"\ud800"}]}`),
			400, "",
		},
		{"6 MB of JSON", proxy("sendMessage"), huge, 413, ""},
		{"deep JSON", proxy("getState"), []byte(`{"params":` + strings.Repeat("[", 100_000) + strings.Repeat("]",
			100_000) + `}`), 400, ""},
		{"unknown key", "/api/proxy/wam_nosuchkey/getState", map[string]any{"params": []any{}}, 401, ""},
		{
			"message that nobody knows", proxy("Message.react"),
			map[string]any{"params": []any{"false_" + wid(bob) + "_AAAA", "👍"}},
			404, "",
		},
		{"no message id", proxy("Message.react"), map[string]any{"params": []any{"???", "👍"}}, 400, "messageId"},
		{"word for a limit", proxy("Chat.fetchMessages"), map[string]any{"params": []any{
			wid(bob),
			map[string]any{"limit": "many"},
		}}, 400, "limit"},
		{"whatsmeow: bad JID", proxy("whatsmeow.GetUserInfo"), map[string]any{"params": []any{[]any{"a@b@c"}}}, 400, ""},
		{"whatsmeow: wrong type", proxy("whatsmeow.GetGroupInfo"), map[string]any{"params": []any{[]any{}}}, 400, ""},
		{"whatsmeow: not callable", proxy("whatsmeow.AddEventHandler"), map[string]any{"params": []any{}}, 501, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, err := s.Client.Do(deadline(t, 30*time.Second), http.MethodPost, tc.path, tc.body)
			must(t, err)
			if answer.Status != tc.status || !bytes.Contains(answer.Body, []byte(tc.says)) {
				t.Errorf("answered %d %.400s; want %d naming %q", answer.Status, answer.Body, tc.status, tc.says)
			}
			if bytes.Contains(answer.Body, []byte(alice.key)) {
				t.Error("the answer repeats the API key")
			}
		})
	}
	after, err := s.Client.Instance(t.Context(), alice.id)
	must(t, err)
	if after.PID != before.PID || after.Status != "ready" {
		t.Errorf("the worker did not survive bad input: %+v, before %+v", after, before)
	}
	alice.text(t, wid(bob), "still alive")
}

func TestNoBodyAndNoKeyIsInAnyLogLine(t *testing.T) {
	t.Parallel()
	s := start(t, "WAM_LOG_LEVEL=trace")
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{Chats: 1, Messages: 3}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	hook := receiver(t)
	alice.hook(t, hook)
	const out, in, group = "a-secret-on-its-way-out", "a-secret-on-its-way-in", "a-secret-in-a-group"
	alice.text(t, wid(bob), out)
	say(t, bob, alice.PN(), in)
	friends, err := sim.CreateGroup("Friends", alice.Account, bob)
	must(t, err)
	say(t, bob, friends, group)
	eventually(t, 20*time.Second, "the texts arrived", func() bool {
		events := alice.events(t)
		return count(events, "message", in) == 1 && count(events, "message", group) == 1
	})
	// Refused calls are logged with more zeal than others.
	for _, method := range []string{"sendMessage", "nosuch", "whatsmeow.SendMessage"} {
		_, err := s.Client.Do(deadline(t, 10*time.Second), http.MethodPost, "/api/proxy/"+alice.key+"/"+method,
			map[string]any{"params": []any{"bad", out}})
		must(t, err)
	}
	logs, err := s.Logs()
	must(t, err)
	if len(logs) < 3 {
		t.Fatalf("logs of manager, worker and Postgres expected, found %d", len(logs))
	}
	for name, text := range logs {
		for _, secret := range []string{out, in, group, alice.key, s.Client.Token, "correct horse battery"} {
			if i := bytes.Index(text, []byte(secret)); i >= 0 {
				t.Errorf("%s holds a secret: %.300s", name, text[max(0, i-150):i])
			}
		}
	}
}
