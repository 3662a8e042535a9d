package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

// odd are parameters that nobody means, in every JSON type.
var odd = []string{
	`null`, `""`, `"\u0000"`, `"x"`, `"1@c.us"`, `"1@g.us"`, `"1@newsletter"`, `"status@broadcast"`, `"2026-01-02T03:04:05Z"`, `"aGVsbG8="`,
	`0`, `-1`, `1`, `1.5`, `1e300`, `9223372036854775808`, `true`, `[]`, `[null]`, `["x"]`, `["1@c.us"]`, `[[]]`, `[{}]`,
	`{}`, `{"x":1}`, `{"conversation":"a"}`, `{"$type":"ImageMessage"}`, `{"$type":"ImageMessage","directPath":"x","mediaKey":"AA==","fileSHA256":"AA==","fileEncSHA256":"AA=="}`,
	`{"$type":"ExtendedTextMessage","thumbnailDirectPath":"x"}`, `{"$type":"WebPushConfig"}`, `{"$date":null}`,
	`{"protocolMessage":{}}`, `{"protocolMessage":{"type":"REVOKE"}}`, `{"editedMessage":{}}`, `{"viewOnceMessage":{}}`, `{"encReactionMessage":{}}`, `{"pollUpdateMessage":{}}`,
	`{"Chat":"1@c.us","Sender":"1@c.us","ID":"A"}`, `{"Info":{"Chat":"1@c.us"},"Message":{"encReactionMessage":{"encPayload":"AA=="}}}`,
	`{"Type":"regular","Mutations":[{"Index":["a"]}]}`, `{"Type":"regular","Mutations":[{"Index":["a"],"Value":{}}]}`, `{"Type":"x"}`,
}

// TestNoMethodOfWhatsmeowCanBeBrokenByItsParameters calls everything that may
// be called with odd values in every place, past the check for a connection.
func TestNoMethodOfWhatsmeowCanBeBrokenByItsParameters(t *testing.T) {
	for _, paired := range []bool{true, false} {
		table := offline(t, paired)
		table.Opened = everything
		table.ready = func(*whatsmeow.Client, need) error { return nil }
		calls := 0
		for _, m := range reflectedMethods() {
			if m.reason != "" {
				continue
			}
			good := samples(m)
			for n := range len(m.in) + 2 {
				for place := range max(n, 1) {
					for _, value := range odd {
						list := append([]string(nil), good...)
						for len(list) < n {
							list = append(list, value)
						}
						list = list[:n]
						if place < n {
							list[place] = value
						}
						try(t, table, familyPrefix+m.name, "["+strings.Join(list, ",")+"]")
						calls++
						if n == 0 {
							break
						}
					}
				}
			}
			for _, value := range odd { // the same in every place
				list := make([]string, len(m.in))
				for i := range list {
					list[i] = value
				}
				try(t, table, familyPrefix+m.name, "["+strings.Join(list, ",")+"]")
				calls++
			}
		}
		t.Logf("paired %t: %d calls", paired, calls)
	}
}

// everything opens all methods that an operator can open.
var everything = func() catalog.Opened {
	names := []string{catalog.AllUndecided}
	for _, m := range reflectedMethods() {
		names = append(names, m.name)
	}
	return catalog.NewOpened(names)
}()

// samples are parameters of the right types.
func samples(m *reflected) []string {
	var list []json.RawMessage
	if err := json.Unmarshal(m.example(), &list); err != nil {
		panic(err)
	}
	out := make([]string, len(list))
	for i, raw := range list {
		out[i] = string(raw)
	}
	return out
}

// try calls with a short deadline and accepts any answer but a bug's.
func try(t *testing.T, table *Table, method, params string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	result, err := table.Call(ctx, method, json.RawMessage(params), "")
	var f *fault.Error
	switch {
	case err == nil && !json.Valid(result):
		t.Errorf("%s%s: not JSON: %s", method, params, result)
	case err == nil:
	case !errors.As(err, &f):
		t.Errorf("%s%s: no kind: %v", method, params, err)
	case f.Kind == fault.Internal:
		t.Errorf("%s%s: %v", method, params, err)
	case f.Code == "method_panicked":
		t.Errorf("%s%s panicked", method, params)
	}
}

// TestEveryMethodIsCallableOrSaysWhy keeps an eye on an update of whatsmeow:
// what is refused must be refused for a reason we know.
func TestEveryMethodIsCallableOrSaysWhy(t *testing.T) {
	callable := 0
	for _, m := range reflectedMethods() {
		if m.reason != "" {
			continue
		}
		callable++
		args, err := m.decode(rawList(samples(m)))
		if err != nil {
			t.Errorf("%s: its example does not read: %v", m.name, err)
		} else if len(args) < m.least() {
			t.Errorf("%s: %d arguments of %d", m.name, len(args), m.least())
		}
	}
	if callable < 100 {
		t.Errorf("only %d methods are callable", callable)
	}
	for _, names := range []map[string]bool{localMethods, unpairedMethods, offlineBlocks, onlyOne} {
		for name := range names {
			if reflectedByName()[name] == nil {
				t.Errorf("%s is not a method of whatsmeow any more", name)
			}
		}
	}
	for name, i := range emptyJID {
		if m := reflectedByName()[name]; m == nil || m.in[i] != jidType {
			t.Errorf("parameter %d of %s is not a JID", i, name)
		}
	}
	for name := range replaced {
		if reflectedByName()[name] == nil {
			t.Errorf("%s is not a method of whatsmeow any more", name)
		}
	}
	for name, replace := range replaced {
		m := reflectedByName()[name]
		if m == nil {
			continue
		}
		got := reflect.TypeOf(replace(&call{Table: offline(t, true)}))
		want := clientType.Method(m.index).Type
		if got.NumIn() != want.NumIn()-1 || got.NumOut() != want.NumOut() || got.IsVariadic() != want.IsVariadic() {
			t.Errorf("%s is replaced by %s, which is not like %s", name, got, want)
			continue
		}
		for i := range got.NumIn() {
			if got.In(i) != want.In(i+1) {
				t.Errorf("%s: parameter %d is %s, want %s", name, i, got.In(i), want.In(i+1))
			}
		}
	}
}

func rawList(list []string) []json.RawMessage {
	out := make([]json.RawMessage, len(list))
	for i, text := range list {
		out[i] = json.RawMessage(text)
	}
	return out
}

func TestVariadicParameters(t *testing.T) {
	m := reflectedByName()["MarkRead"]
	for _, extra := range []string{``, `,"played"`, `,["played"]`, `,null`, `,[]`} {
		list, err := split(json.RawMessage(`[["A"],"2026-01-02T03:04:05Z","1@c.us",null` + extra + `]`))
		if err != nil {
			t.Fatal(err)
		}
		args, err := m.decode(list)
		want := 4
		if strings.Contains(extra, "played") {
			want = 5
		}
		if err != nil || len(args) != want {
			t.Errorf("%q: %d arguments, %v", extra, len(args), err)
		}
	}
	if _, err := m.decode(rawList([]string{`["A"]`, `0`, `"1@c.us"`, `null`, `["played","read"]`})); !fault.Is(err, fault.Invalid) {
		t.Errorf("two receipt types: %v", err)
	}
}

// TestWaitsEndWithTheCall: a method without a context must not outlive its call.
func TestWaitsEndWithTheCall(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	got, err := offline(t, true).Call(ctx, "whatsmeow.WaitForConnection", json.RawMessage(`["10h"]`), "")
	if err != nil || string(got) != "false" || time.Since(began) > 5*time.Second {
		t.Errorf("got %s, %v after %s", got, err, time.Since(began))
	}
}

func TestCatalogKnowsTheTable(t *testing.T) {
	for _, m := range Methods() {
		known, ok := catalog.Lookup(m.Name)
		if !ok {
			t.Errorf("%s is missing in the catalog; run go generate", m.Name)
			continue
		}
		for i, p := range known.Params {
			if p.Name == fmt.Sprintf("p%d", i) {
				t.Errorf("%s: parameter %d has no name", m.Name, i)
			}
		}
	}
}

// FuzzParams wants no panic, no bug and no answer without a kind, whatever is sent.
func FuzzParams(f *testing.F) {
	for _, m := range Methods() {
		f.Add(m.Name, string(m.Example))
	}
	for _, value := range odd {
		f.Add("sendMessage", `["1@c.us",`+value+`,`+value+`]`)
		f.Add("whatsmeow.SendMessage", `[`+value+`,`+value+`,`+value+`]`)
	}
	f.Add("Chat.fetchMessages", "[\"1@c.us\",{\"limit\":{\"$number\":\"Infinity\"}}]")
	f.Add("getState", "\xff")
	var table *Table
	f.Fuzz(func(t *testing.T, method, params string) {
		if table == nil {
			table = offline(t, true)
			table.Opened = everything
			table.Log = table.Log.Output(nil)
			skip := table.ready
			table.ready = func(cli *whatsmeow.Client, n need) error {
				if strings.HasPrefix(method, familyPrefix) {
					return nil
				}
				return skip(cli, n)
			}
		}
		if mirrored(method) {
			return // they need a database
		}
		try(t, table, method, params)
	})
}

// mirrored tells of methods that answer from the mirror and not over the connection.
func mirrored(method string) bool {
	r := rowsByName()[method]
	return r != nil && (r.need == needPaired || r.need == needData)
}
