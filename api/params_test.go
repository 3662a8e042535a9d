package api

import (
	"slices"
	"testing"
	"time"

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

func TestSendWindowSlides(t *testing.T) {
	l, at := newSendLimits(), time.Unix(1_800_000_000, 0)
	take := func(after time.Duration) time.Duration {
		_, wait := l.take("a", 2, at.Add(after))
		return wait
	}
	if take(0) != 0 || take(10*time.Second) != 0 {
		t.Error("the first two have to wait")
	}
	if wait := take(20 * time.Second); wait != 40*time.Second {
		t.Errorf("the third waits %s, want 40s", wait)
	}
	if take(60*time.Second) != 0 {
		t.Error("a minute later the first still counts")
	}
	if wait := take(61 * time.Second); wait != 9*time.Second {
		t.Errorf("waits %s, want 9s for the second", wait)
	}
}

func TestMaskPath(t *testing.T) {
	for path, want := range map[string]string{
		"/api/proxy/wam_abc/getChats": "/api/proxy/***/getChats", "/api/proxy/typo/getChats": "/api/proxy/***/getChats", "/api/proxy/getChats": "/api/proxy/getChats",
		"/api/proxy/methods": "/api/proxy/methods", "/api/proxy/chats": "/api/proxy/chats", "/x/wam_abc-d_e/y": "/x/wam_***/y", "/api/proxy/wam_abc": "/api/proxy/***",
	} {
		if got := maskPath(path); got != want {
			t.Errorf("%s became %s, want %s", path, got, want)
		}
	}
}

func TestThrottleForgetsNobodyTooSoon(t *testing.T) {
	th, at := newThrottle(), time.Unix(1_800_000_000, 0)
	for range triesAtOnce {
		if err := th.try("1.1.1.1", "a", at); err != nil {
			t.Fatal(err)
		}
	}
	th.forget(at)
	if err := th.try("1.1.1.1", "a", at); !fault.Is(err, fault.RateLimited) {
		t.Errorf("forgotten: %v", err)
	}
	if err := th.try("1.1.1.1", "a", at.Add(triesEvery)); err != nil {
		t.Errorf("after a while: %v", err)
	}
	th.forget(at.Add(time.Hour))
	if len(th.limiters) != 0 {
		t.Errorf("%d remembered", len(th.limiters))
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
