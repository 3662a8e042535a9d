package reflected

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/relaytest"
)

// TestNoMethodOfWhatsmeowCanBeBrokenByItsParameters calls everything that may
// be called with odd values in every place, past the check for a connection.
func TestNoMethodOfWhatsmeowCanBeBrokenByItsParameters(t *testing.T) {
	for _, paired := range []bool{true, false} {
		table := offline(t, paired, relaytest.Everything())
		table.Ready = relaytest.Always
		calls := 0
		for _, m := range allMethods() {
			if m.reason != "" {
				continue
			}
			good := samples(m)
			for n := range len(m.in) + 2 {
				for place := range max(n, 1) {
					for _, value := range relaytest.Odd {
						list := append([]string(nil), good...)
						for len(list) < n {
							list = append(list, value)
						}
						list = list[:n]
						if place < n {
							list[place] = value
						}
						relaytest.Survives(t, table.Table, m.Name(), "["+strings.Join(list, ",")+"]")
						calls++
						if n == 0 {
							break
						}
					}
				}
			}
			for _, value := range relaytest.Odd { // the same in every place
				list := make([]string, len(m.in))
				for i := range list {
					list[i] = value
				}
				relaytest.Survives(t, table.Table, m.Name(), "["+strings.Join(list, ",")+"]")
				calls++
			}
		}
		t.Logf("paired %t: %d calls", paired, calls)
	}
}

// samples are parameters of the right types.
func samples(m *method) []string {
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

// TestEveryMethodIsCallableOrSaysWhy keeps an eye on an update of whatsmeow:
// what is refused must be refused for a reason we know.
func TestEveryMethodIsCallableOrSaysWhy(t *testing.T) {
	callable := 0
	for _, m := range allMethods() {
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
			if methodsByName()[name] == nil {
				t.Errorf("%s is not a method of whatsmeow any more", name)
			}
		}
	}
	for name, i := range emptyJID {
		if m := methodsByName()[name]; m == nil || m.in[i] != jidType {
			t.Errorf("parameter %d of %s is not a JID", i, name)
		}
	}
	for name := range replaced {
		if methodsByName()[name] == nil {
			t.Errorf("%s is not a method of whatsmeow any more", name)
		}
	}
	for name, replace := range replaced {
		m := methodsByName()[name]
		if m == nil {
			continue
		}
		got := reflect.TypeOf(replace(caller{Call: &relay.Call{Deps: &relay.Deps{}, Client: offline(t, true, catalog.Opened{}).Client}}))
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
	m := methodsByName()["MarkRead"]
	for _, extra := range []string{``, `,"played"`, `,["played"]`, `,null`, `,[]`} {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(`[["A"],"2026-01-02T03:04:05Z","1@c.us",null`+extra+`]`), &list); err != nil {
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
	got, err := offline(t, true, catalog.Opened{}).Call(ctx, "whatsmeow.WaitForConnection", json.RawMessage(`["10h"]`), "")
	if err != nil || string(got) != "false" || time.Since(began) > 5*time.Second {
		t.Errorf("got %s, %v after %s", got, err, time.Since(began))
	}
}

// What reaches below the product's books answers before its parameters are even
// looked at, until the operator opens it; what is refused is so for good.
func TestMethodsThatAreOff(t *testing.T) {
	for _, tc := range []struct {
		method, params string
		opened         bool // it can be opened
	}{
		{"whatsmeow.StoreLIDPNMapping", `["1@lid","1@s.whatsapp.net"]`, false},
		{"whatsmeow.DownloadHistorySync", `[{},true]`, false},
		{"whatsmeow.SendPasskeyResponse", `[{}]`, false},
		{"whatsmeow.SendPasskeyConfirmation", `[]`, false},
		{"whatsmeow.SendPeerMessage", `[{"conversation":"a"}]`, true},
		{"whatsmeow.SendMessage", `["15550000001@s.whatsapp.net",{"conversation":"a"},{"Peer":true}]`, true},
		{"whatsmeow.SendAppState", `[{"Type":"regular","Mutations":[{"Index":["a"],"Value":{}}]}]`, true},
		{"whatsmeow.MarkNotDirty", `["groups",0]`, true},
		{"whatsmeow.RegisterForPushNotifications", `[{"$type":"WebPushConfig"}]`, true},
		{"whatsmeow.FetchAppState", `["regular",true,true]`, true},
		{"whatsmeow.ResetConnection", `[]`, true},
		{"whatsmeow.SetPassive", `[true]`, true},
		{"whatsmeow.SendProtocolMessageReceipt", `["A","hist_sync"]`, true},
	} {
		t.Run(tc.method, func(t *testing.T) {
			table := offline(t, true, catalog.Opened{})
			table.Ready = relaytest.Always
			f := relaytest.FaultOf(t, table.Table, tc.method, tc.params)
			if !tc.opened && f.Kind != fault.Unimplemented || tc.opened && (f.Kind != fault.Forbidden || f.Code != "method_closed" || f.Field != "method") {
				t.Errorf("got %s (%s): %s", f.Kind, f.Code, f.Msg)
			}
			_, err := offline(t, true, relaytest.Everything()).Call(t.Context(), tc.method, json.RawMessage(tc.params), "")
			if tc.opened == (fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unimplemented)) {
				t.Errorf("opened by the operator: %v", err)
			}
		})
	}
}

// A method that waits for ever is left behind, and only so many are.
func TestMethodsThatNeverEndAreCounted(t *testing.T) {
	methods := New(catalog.Opened{})
	shared := methods[0].(callable).family
	table := relaytest.NewOffline(t, true, methods)
	table.Ready = relaytest.Always
	shared.leftBehind.Store(maxLeftBehind)
	if f := relaytest.FaultOf(t, table.Table, "whatsmeow.IsConnected", `[]`); f.Kind != fault.RateLimited || f.RetryAfter == 0 {
		t.Errorf("with %d left behind: %v", maxLeftBehind, f)
	}
	shared.leftBehind.Store(maxLeftBehind - 1)
	if _, err := table.Call(t.Context(), "whatsmeow.IsConnected", nil, ""); err != nil {
		t.Errorf("with one fewer: %v", err)
	}
}

// A panic is the parameters' fault only as long as nothing is out.
func TestAPanicAfterTheMessageIsOurs(t *testing.T) {
	for _, tc := range []struct {
		name string
		out  bool
		want fault.Kind
	}{{"before", false, fault.Invalid}, {"after", true, fault.Internal}} {
		t.Run(tc.name, func(t *testing.T) {
			table := relaytest.NewOffline(t, true, []relay.Method{panics{callable{&method{name: "SendMessage"}, &family{}}, tc.out}})
			f := relaytest.FaultOf(t, table.Table, "whatsmeow.SendMessage", "")
			if f.Kind != tc.want || tc.out != (f.Sent == fault.SentPerhaps) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// panics is a method that panics, before or after it has sent something.
type panics struct {
	callable
	out bool
}

func (m panics) Run(_ context.Context, c *relay.Call, _ []json.RawMessage) (json.RawMessage, error) {
	c.Begin()
	return m.invoke(c, reflect.ValueOf(func() {
		if m.out {
			c.MarkSent()
		}
		panic("odd")
	}), nil)
}
