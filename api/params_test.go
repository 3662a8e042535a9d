package api

import (
	"slices"
	"testing"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

func TestParamTypes(t *testing.T) {
	for _, tc := range []struct {
		family      catalog.Family
		typ, value  string
		wantRefused bool
	}{
		{catalog.WWebJS, "string", `"x"`, false},
		{catalog.WWebJS, "string", `1`, true},
		{catalog.WWebJS, "string|object", `{}`, false},
		{catalog.WWebJS, "string|object", `[]`, true},
		{catalog.WWebJS, "number", `-1.5e3`, false},
		{catalog.WWebJS, "number", `{"$number":"Infinity"}`, false},
		{catalog.WWebJS, "number", `{"x":1}`, true},
		{catalog.WWebJS, "boolean", `false`, false},
		{catalog.WWebJS, "boolean", `"false"`, true},
		{catalog.WWebJS, "jid", `{"_serialized":"1@c.us"}`, false},
		{catalog.WWebJS, "jid", `{}`, true},
		{catalog.WWebJS, "string[]", `[]`, false},
		{catalog.WWebJS, "any", `null`, false},
		{catalog.WWebJS, "MessageSendOptions", `17`, false},
		{catalog.Whatsmeow, "types.JID", `"1@s.whatsapp.net"`, false},
		{catalog.Whatsmeow, "types.JID", `7`, true},
		{catalog.Whatsmeow, "[]types.JID", `"x"`, true},
		{catalog.Whatsmeow, "[]byte", `"eA=="`, false},
		{catalog.Whatsmeow, "int", `"7"`, true},
		{catalog.Whatsmeow, "time.Duration", `"5s"`, false},
		{catalog.Whatsmeow, "*waE2E.Message", `{}`, false},
	} {
		m := catalog.Method{Name: "m", Family: tc.family, Params: []catalog.Param{{Name: "p", Type: tc.typ}}}
		_, err := readParams(m, []byte("["+tc.value+"]"))
		if got := fault.Is(err, fault.Invalid); got != tc.wantRefused {
			t.Errorf("%s %s: %v", tc.typ, tc.value, err)
		}
	}
}

func TestParamCount(t *testing.T) {
	m := catalog.Method{Name: "m", Family: catalog.WWebJS, Params: []catalog.Param{
		{Name: "a", Type: "string"}, {Name: "b", Type: "number", Optional: true}, {Name: "c", Type: "string", Variadic: true},
	}}
	for body, ok := range map[string]bool{
		``: false, `[]`: false, `["x"]`: true, `["x",null]`: true, `["x",1]`: true, `["x",null,"y","z"]`: true, `["x",1,"y",2]`: false,
		`{"params":null}`: false, `{}`: false, `{"params":["x"]}`: true,
	} {
		if _, err := readParams(m, []byte(body)); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestSuggest(t *testing.T) {
	for asked, want := range map[string]string{"sendmessage": "sendMessage", "sendMesage": "sendMessage", "fetchMessages": "Chat.fetchMessages", "whatsmeow.getgroupinfo": "whatsmeow.GetGroupInfo"} {
		if got := suggest(asked); !slices.Contains(got, want) {
			t.Errorf("%s: %v", asked, got)
		}
	}
	if got := suggest("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"); len(got) != 0 {
		t.Errorf("suggests %v", got)
	}
}

func TestWhatTheLogShowsOfAPath(t *testing.T) {
	for _, tc := range []struct {
		route, want string
		params      map[string]string
	}{
		{"/api/proxy/:key/:method", "/api/proxy/***/getChats", map[string]string{"key": "wam_abc", "method": "getChats"}},
		{"/api/proxy/:key/:method", "/api/proxy/***/getChats", map[string]string{"key": "typo", "method": "getChats"}},
		{"/api/proxy/:key/:method", "/api/proxy/***/***", map[string]string{"key": "wam_abc", "method": "wam_def"}},
		{"/api/proxy/:method", "/api/proxy/getChats", map[string]string{"method": "getChats"}},
		{"/api/proxy/:method", "/api/proxy/chats", map[string]string{"method": "chats"}},
		{"/api/proxy/:method", "/api/proxy/***", map[string]string{"method": "wam_abc"}},
		{"/api/proxy/methods", "/api/proxy/methods", nil},
		{"", "unmatched", nil},
		{"/api/instances/:id/messages/:messageId/media", "/api/instances/k3f9a0c2m1zq/messages/:messageId/media", map[string]string{"id": "k3f9a0c2m1zq", "messageId": "false_4915112345678@c.us_3EB0"}},
		{"/api/instances/:id/sends/:key", "/api/instances/k3f9a0c2m1zq/sends/:key", map[string]string{"id": "k3f9a0c2m1zq", "key": "4915112345678"}},
		{"/api/instances/:id", "/api/instances/:id", map[string]string{"id": "491511234567"}},
		{"/api/users/:id", "/api/users/:id", map[string]string{"id": "ada@example.com"}},
	} {
		if got := shownPath(tc.route, func(name string) string { return tc.params[name] }); got != tc.want {
			t.Errorf("%s with %v became %s, want %s", tc.route, tc.params, got, tc.want)
		}
	}
}

func TestEveryKindOfFaultHasAStatus(t *testing.T) {
	for _, kind := range []fault.Kind{
		fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Conflict, fault.Unpaired, fault.Offline, fault.Starting, fault.Stopped,
		fault.RateLimited, fault.Refused, fault.Unimplemented, fault.TooLarge, fault.Deadline, fault.Unavailable, fault.Internal,
	} {
		if statusOf[kind] == 0 {
			t.Errorf("%s has none", kind)
		}
	}
}
