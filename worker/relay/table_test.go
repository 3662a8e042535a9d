package relay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/reflected"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/relay/wwebjs"
)

func TestBadParameters(t *testing.T) {
	table := offline(t, true)
	for _, tc := range []struct{ method, params, field, words string }{
		{"sendMessage", `{"chatId":"1@c.us"}`, "params", "array of positional parameters"},
		{"sendMessage", "[\"1@c.us\",\"\xff\"]", "params", "UTF-8"},
		{"sendMessage", `[`, "params", "array"},
		{"sendMessage", `[]`, "params[0]", "sendMessage takes 2 to 3 parameters, got 0: chatId is missing"},
		{"sendMessage", `["1@c.us"]`, "params[1]", "content is missing"},
		{"sendMessage", `["1@c.us","a",{},1]`, "params[3]", "got 4"},
		{"sendMessage", `["4915123456789","a"]`, "params[0]", "params[0] (chatId): expected an id like"},
		{"sendMessage", `[null,"a"]`, "params[0]", "got null"},
		{"sendMessage", `[12,"a"]`, "params[0]", "got number"},
		{"sendMessage", `["1@c.us",5]`, "params[1]", "params[1] (content): expected text"},
		{"sendMessage", `["1@c.us",null]`, "params[1]", "got null"},
		{"sendMessage", `["1@c.us","  "]`, "params[1]", "not empty"},
		{"sendMessage", `["1@c.us","` + strings.Repeat("x", 65537) + `"]`, "params[1]", "at most 65536"},
		{"sendMessage", `["1@c.us","a","b"]`, "params[2]", "expected an object, got string"},
		{"sendMessage", `["1@c.us","a",{"quotedMessageId":"x"}]`, "params[2].quotedMessageId", "expected a message id like"},
		{"sendMessage", `["1@c.us","a",{"mentions":["1@c.us","bob"]}]`, "params[2].mentions[1]", "expected an id"},
		{"sendMessage", `["1@c.us","a",{"mentions":["1-2@g.us"]}]`, "params[2].mentions[0]", "id of a person"},
		{"sendMessage", `["1@c.us","a",{"sendSeen":"yes"}]`, "params[2].sendSeen", "true or false"},
		{"sendMessage", `["1@msgr","a"]`, "params[0]", "id of a chat"},
		{"getState", `[1]`, "params[0]", "getState takes no parameters, got 1"},
		{"Chat.fetchMessages", `["1@c.us",{"limit":"many"}]`, "params[1].limit", "Infinity"},
		{"Chat.fetchMessages", `["1@c.us",{"fromMe":1}]`, "params[1].fromMe", "got number"},
		{"getMessageById", `["abc"]`, "params[0]", "expected a message id like"},
		{"getMessageById", `["true_abc_DEF"]`, "params[0]", "expected a message id"},
		{"Message.react", `["true_1@c.us_3EB0","hello"]`, "params[1]", "one emoji"},
		{"Message.react", `["true_1@c.us_3EB0",{}]`, "params[1]", "expected a string"},
		{"isRegisteredUser", `["0151 1234567"]`, "params[0]", "country code"},
		{"isRegisteredUser", `["x"]`, "params[0]", "country code"},
		{"getNumberId", `["1-2@g.us"]`, "params[0]", "id of a person"},
		{"whatsmeow.GetGroupInfo", `[]`, "params[0]", "jid is missing"},
		{"whatsmeow.GetGroupInfo", `["x"]`, "params[0]", "params[0] (jid): expected an id like"},
		{"whatsmeow.GetGroupInfo", `[null]`, "params[0]", "got null"},
		{"whatsmeow.GetGroupInfo", `["1@g.us",2]`, "params[1]", "takes 1 parameter, got 2"},
		{"whatsmeow.SendMessage", `["1@c.us",{"conversatoin":"a"}]`, "params[1]", "conversatoin"},
		{"whatsmeow.SendMessage", `["1@c.us",null]`, "params[1]", "got null"},
		{"whatsmeow.SendMessage", `["1@c.us",{},{"ID":"x","Foo":1}]`, "params[2].Foo", "no such field"},
		{"whatsmeow.SendMessage", `["1@c.us",{},{},{}]`, "params[3]", "takes 2 to 3"},
		{"whatsmeow.MarkRead", `[["A"],"x","1@c.us",null]`, "params[1]", "expected a time"},
	} {
		t.Run(fmt.Sprintf("%s(%.60s)", tc.method, tc.params), func(t *testing.T) {
			f := relaytest.FaultOf(t, table.Table, tc.method, tc.params)
			if f.Kind != fault.Invalid || f.Field != tc.field || !strings.Contains(f.Msg, tc.words) {
				t.Errorf("got %s at %q: %s; want %q at %q", f.Kind, f.Field, f.Msg, tc.words, tc.field)
			}
		})
	}
}

func TestUnknownMethods(t *testing.T) {
	table := offline(t, true)
	for method, near := range map[string]string{
		"sendmessage": "sendMessage?", "sendMesage": "sendMessage?", "fetchMessage": "Channel.fetchMessages?",
		"whatsmeow.GetGroupInf": "whatsmeow.GetGroupInfo?", "GetGroupInfo": "whatsmeow.GetGroupInfo?", "react": "Message.react?",
		"zzzzzzzzzzzzzzzzzzzz": "", "": "",
	} {
		t.Run(method, func(t *testing.T) {
			f := relaytest.FaultOf(t, table.Table, method, `[]`)
			if f.Kind != fault.NotFound || near != "" && !strings.HasSuffix(f.Msg, near) || near == "" && strings.Contains(f.Msg, "did you mean") {
				t.Errorf("got %s: %s; want %q", f.Kind, f.Msg, near)
			}
		})
	}
	if f := relaytest.FaultOf(t, table.Table, strings.Repeat("x", 1<<20), `[]`); f.Kind != fault.NotFound || len(f.Msg) > 200 {
		t.Errorf("a long name: %s, %d bytes", f.Kind, len(f.Msg))
	}
}

func TestWhatThisBuildDoesNotDo(t *testing.T) {
	table := offline(t, true)
	for _, tc := range []struct{ method, params, words string }{
		{"sendMessage", `["1@c.us",{"buttons":[]}]`, "Buttons"},
		{"sendMessage", `["1@c.us",{}]`, "this object"},
		{"sendMessage", `["1@c.us","x",{"extra":{"a":1}}]`, "options.extra"},
		{"pupPage", `[]`, "there is no page"},
		{"whatsmeow.AddEventHandler", `[]`, "callback"},
		{"whatsmeow.GetQRChannel", `[]`, "channel"},
		{"whatsmeow.DangerousInternals", `[]`, "handle"},
		{"whatsmeow.SetMediaHTTPClient", `[{}]`, "HTTP client"},
		{"whatsmeow.Disconnect", `[]`, "keeps the connection itself"},
		{"whatsmeow.DownloadToFile", `[]`, "not data"},
	} {
		t.Run(tc.method+tc.params, func(t *testing.T) {
			f := relaytest.FaultOf(t, table.Table, tc.method, tc.params)
			if f.Kind != fault.Unimplemented || !strings.Contains(f.Msg, tc.words) {
				t.Errorf("got %s: %s; want %q", f.Kind, f.Msg, tc.words)
			}
		})
	}
}

func TestStateOfTheAccount(t *testing.T) {
	for _, tc := range []struct {
		paired         bool
		method, params string
		want           fault.Kind
	}{
		{false, "sendMessage", `["1@c.us","a"]`, fault.Unpaired},
		{false, "getChats", ``, fault.Unpaired},
		{false, "logout", ``, fault.Unpaired},
		{false, "whatsmeow.GetBlocklist", ``, fault.Unpaired},
		{true, "sendMessage", `["1@c.us","a"]`, fault.Offline},
		{true, "isRegisteredUser", `["4915123456789"]`, fault.Offline},
		{true, "whatsmeow.GetBlocklist", ``, fault.Offline},
	} {
		t.Run(fmt.Sprintf("%s, paired %t", tc.method, tc.paired), func(t *testing.T) {
			if f := relaytest.FaultOf(t, offline(t, tc.paired).Table, tc.method, tc.params); f.Kind != tc.want {
				t.Errorf("got %s, want %s", f.Kind, tc.want)
			}
		})
	}
	rebuilding := offline(t, true)
	rebuilding.Client = nil
	if f := relaytest.FaultOf(t, rebuilding.Table, "sendMessage", `["1@c.us","a"]`); f.Kind != fault.Offline || f.RetryAfter == 0 {
		t.Errorf("no client: %s", f.Kind)
	}
}

func TestAnswersWithoutWhatsApp(t *testing.T) {
	opened := catalog.NewOpened([]string{"SetForceActiveDeliveryReceipts"})
	table := relaytest.NewOffline(t, true, relay.Methods(wwebjs.Rows()), reflected.New(opened))
	table.Ready = relaytest.Always
	for _, tc := range []struct{ method, params, want string }{
		{"getState", ``, `"OPENING"`},
		{"getInfo", `null`, `{"pushname":"","wid":{"server":"c.us","user":"15550000001","_serialized":"15550000001@c.us"},"me":{"server":"c.us","user":"15550000001","_serialized":"15550000001@c.us"},"platform":""}`},
		{"whatsmeow.IsConnected", `[]`, `false`},
		{"whatsmeow.SetForceActiveDeliveryReceipts", `[true]`, `null`}, // the operator has opened it
		{"whatsmeow.BuildRevoke", `["1@c.us",null,"ABC"]`, `{"protocolMessage":{"key":{"remoteJID":"1@s.whatsapp.net","fromMe":true,"ID":"ABC"},"type":"REVOKE"}}`},
		{"whatsmeow.Logout", `[]`, `null`},
		{"logout", ``, `null`},
	} {
		t.Run(tc.method, func(t *testing.T) {
			got, err := table.Call(t.Context(), tc.method, json.RawMessage(tc.params), "")
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
	version, err := table.Call(t.Context(), "getWWebVersion", nil, "")
	if err != nil || !strings.HasPrefix(string(version), `"2.3000.`) {
		t.Errorf("version: %s, %v", version, err)
	}
}

func TestCatalogKnowsTheTable(t *testing.T) {
	for _, m := range described() {
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
	for _, m := range described() {
		f.Add(m.Name, string(m.Example))
	}
	for _, value := range relaytest.Odd {
		f.Add("sendMessage", `["1@c.us",`+value+`,`+value+`]`)
		f.Add("whatsmeow.SendMessage", `[`+value+`,`+value+`,`+value+`]`)
	}
	f.Add("Chat.fetchMessages", "[\"1@c.us\",{\"limit\":{\"$number\":\"Infinity\"}}]")
	f.Add("getState", "\xff")
	var table *relaytest.Offline
	f.Fuzz(func(t *testing.T, method, params string) {
		if table == nil {
			table = relaytest.NewOffline(t, true, relay.Methods(wwebjs.Rows()), reflected.New(relaytest.Everything()))
		}
		table.Ready = nil
		if strings.HasPrefix(method, "whatsmeow.") {
			table.Ready = relaytest.Always
		}
		if mirrored(method) {
			return // they need a database
		}
		relaytest.Survives(t, table.Table, method, params)
	})
}

// described are the entries of all methods in the catalog.
func described() []catalog.Method {
	return relay.Catalog(append(relay.Methods(wwebjs.Rows()), reflected.New(catalog.Opened{})...))
}

// mirrored tells of methods that answer from the mirror and not over the connection.
func mirrored(method string) bool {
	for _, r := range wwebjs.Rows() {
		if r.Name == method {
			return r.Need == relay.NeedPaired || r.Need == relay.NeedData
		}
	}
	return false
}
