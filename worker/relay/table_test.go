package relay

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/mirror"
)

// offline is a table whose client has an account but neither a connection nor a
// store that works; unpaired, it has no account either.
func offline(t *testing.T, paired bool) *Table {
	t.Helper()
	device := &store.Device{
		NoiseKey: keys.NewKeyPair(), IdentityKey: keys.NewKeyPair(), AdvSecretKey: make([]byte, 32), Account: &waAdv.ADVSignedDeviceIdentity{},
		RegistrationID: 1, Initialized: true,
	}
	device.SignedPreKey = device.IdentityKey.CreateSignedPreKey(1)
	none := &store.NoopStore{Error: errors.New("no store")}
	device.SetAllStores(none)
	device.LIDs = none
	if paired {
		jid := types.JID{User: "15550000001", Server: types.DefaultUserServer, Device: 3}
		device.ID, device.LID = &jid, types.JID{User: "100000000000001", Server: types.HiddenUserServer, Device: 3}
	}
	cli := whatsmeow.NewClient(device, waLog.Noop)
	return New(Deps{
		Client: func() *whatsmeow.Client { return cli },
		Mirror: mirror.New(nil, "testtesttest", 1, zerolog.Nop()),
		Link: func() *workerv1.Link {
			if paired {
				return &workerv1.Link{State: workerv1.LinkState_LINK_STATE_OFFLINE, WaState: "OPENING"}
			}
			return &workerv1.Link{State: workerv1.LinkState_LINK_STATE_UNPAIRED, WaState: "UNPAIRED"}
		},
		Logout: func(context.Context) error { return nil },
		Log:    zerolog.Nop(),
	})
}

// faultOf calls and wants a fault.
func faultOf(t *testing.T, table *Table, method, params string) *fault.Error {
	t.Helper()
	result, err := table.Call(t.Context(), method, json.RawMessage(params), "")
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("%s(%s): got %s, %v; want a fault", method, params, result, err)
		return &fault.Error{}
	}
	return f
}

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
		f := faultOf(t, table, tc.method, tc.params)
		if f.Kind != fault.Invalid || f.Field != tc.field || !strings.Contains(f.Msg, tc.words) {
			t.Errorf("%s(%.60s): got %s at %q: %s; want %q at %q", tc.method, tc.params, f.Kind, f.Field, f.Msg, tc.words, tc.field)
		}
	}
}

func TestUnknownMethods(t *testing.T) {
	table := offline(t, true)
	for method, near := range map[string]string{
		"sendmessage": "sendMessage?", "sendMesage": "sendMessage?", "fetchMessage": "Channel.fetchMessages?",
		"whatsmeow.GetGroupInf": "whatsmeow.GetGroupInfo?", "GetGroupInfo": "whatsmeow.GetGroupInfo?", "react": "Message.react?",
		"zzzzzzzzzzzzzzzzzzzz": "", "": "",
	} {
		f := faultOf(t, table, method, `[]`)
		if f.Kind != fault.NotFound || near != "" && !strings.HasSuffix(f.Msg, near) || near == "" && strings.Contains(f.Msg, "did you mean") {
			t.Errorf("%s: got %s: %s; want %q", method, f.Kind, f.Msg, near)
		}
	}
	if f := faultOf(t, table, strings.Repeat("x", 1<<20), `[]`); f.Kind != fault.NotFound || len(f.Msg) > 200 {
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
		f := faultOf(t, table, tc.method, tc.params)
		if f.Kind != fault.Unimplemented || !strings.Contains(f.Msg, tc.words) {
			t.Errorf("%s(%s): got %s: %s; want %q", tc.method, tc.params, f.Kind, f.Msg, tc.words)
		}
	}
}

// What reaches below the product's books answers before its parameters are even
// looked at, until the operator opens it; what is refused is so for good.
func TestMethodsThatAreOff(t *testing.T) {
	table := offline(t, true)
	for _, tc := range []struct {
		method, params string
		opened         bool // it can be opened
	}{
		{"whatsmeow.StoreLIDPNMapping", `["1@lid","1@s.whatsapp.net"]`, false},
		{"whatsmeow.DownloadHistorySync", `[{},true]`, false},
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
			table.Opened = catalog.Opened{}
			table.ready = func(*whatsmeow.Client, need) error { return nil }
			f := faultOf(t, table, tc.method, tc.params)
			if !tc.opened && f.Kind != fault.Unimplemented || tc.opened && (f.Kind != fault.Forbidden || f.Code != "method_closed" || f.Field != "method") {
				t.Errorf("got %s (%s): %s", f.Kind, f.Code, f.Msg)
			}
			table.Opened, table.ready = everything, table.check
			_, err := table.Call(t.Context(), tc.method, json.RawMessage(tc.params), "")
			if tc.opened == (fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unimplemented)) {
				t.Errorf("opened by the operator: %v", err)
			}
		})
	}
}

// A method that waits for ever is left behind, and only so many are.
func TestMethodsThatNeverEndAreCounted(t *testing.T) {
	table := offline(t, true)
	table.ready = func(*whatsmeow.Client, need) error { return nil }
	table.leftBehind.Store(maxLeftBehind)
	if f := faultOf(t, table, "whatsmeow.IsConnected", `[]`); f.Kind != fault.RateLimited || f.RetryAfter == 0 {
		t.Errorf("with %d left behind: %v", maxLeftBehind, f)
	}
	table.leftBehind.Store(maxLeftBehind - 1)
	if _, err := table.Call(t.Context(), "whatsmeow.IsConnected", nil, ""); err != nil {
		t.Errorf("with one fewer: %v", err)
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
		if f := faultOf(t, offline(t, tc.paired), tc.method, tc.params); f.Kind != tc.want {
			t.Errorf("%s, paired %t: got %s, want %s", tc.method, tc.paired, f.Kind, tc.want)
		}
	}
	rebuilding := offline(t, true)
	rebuilding.Deps.Client = func() *whatsmeow.Client { return nil }
	if f := faultOf(t, rebuilding, "sendMessage", `["1@c.us","a"]`); f.Kind != fault.Offline || f.RetryAfter == 0 {
		t.Errorf("no client: %s", f.Kind)
	}
}

func TestAnswersWithoutWhatsApp(t *testing.T) {
	table := offline(t, true)
	table.Opened = catalog.NewOpened([]string{"SetForceActiveDeliveryReceipts"})
	for _, tc := range []struct{ method, params, want string }{
		{"getState", ``, `"OPENING"`},
		{"getInfo", `null`, `{"pushname":"","wid":{"server":"c.us","user":"15550000001","_serialized":"15550000001@c.us"},"me":{"server":"c.us","user":"15550000001","_serialized":"15550000001@c.us"},"platform":""}`},
		{"whatsmeow.IsConnected", `[]`, `false`},
		{"whatsmeow.SetForceActiveDeliveryReceipts", `[true]`, `null`}, // the operator has opened it
		{"whatsmeow.BuildRevoke", `["1@c.us",null,"ABC"]`, `{"protocolMessage":{"key":{"remoteJID":"1@s.whatsapp.net","fromMe":true,"ID":"ABC"},"type":"REVOKE"}}`},
		{"whatsmeow.Logout", `[]`, `null`},
		{"logout", ``, `null`},
	} {
		table.ready = func(*whatsmeow.Client, need) error { return nil }
		got, err := table.Call(t.Context(), tc.method, json.RawMessage(tc.params), "")
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %s, %v; want %s", tc.method, got, err, tc.want)
		}
	}
	version, err := table.Call(t.Context(), "getWWebVersion", nil, "")
	if err != nil || !strings.HasPrefix(string(version), `"2.3000.`) {
		t.Errorf("version: %s, %v", version, err)
	}
}

func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		switch {
		case seen[r.name]:
			t.Errorf("%s is there twice", r.name)
		case r.name == "" || r.class == "" || r.doc == "" || r.result == "":
			t.Errorf("%s: something is missing", r.name)
		case (r.do == nil) == (r.impossible == "" && !r.manager):
			t.Errorf("%s must either do something or say why not", r.name)
		case r.getter && len(r.params) > 0 && !r.params[0].optional:
			t.Errorf("%s cannot be a getter with a required parameter", r.name)
		case len(r.params) > 0 && r.example == "":
			t.Errorf("%s has no example", r.name)
		}
		seen[r.name] = true
		list, err := split(json.RawMessage(r.example))
		if err != nil || checkCount(r.name, r.params, len(list)) != nil && r.impossible == "" {
			t.Errorf("%s: bad example %s", r.name, r.example)
		}
		for i, raw := range list {
			if _, err := r.params[i].read(raw, "p"); err != nil {
				t.Errorf("%s: the example does not read: %v", r.name, err)
			}
		}
	}
}
