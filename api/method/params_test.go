package method

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
		t.Run(tc.typ+" "+tc.value, func(t *testing.T) {
			m := catalog.Method{Name: "m", Family: tc.family, Params: []catalog.Param{{Name: "p", Type: tc.typ}}}
			_, err := Read(m, []byte("["+tc.value+"]"))
			if got := fault.Is(err, fault.Invalid); got != tc.wantRefused {
				t.Errorf("%s %s: %v", tc.typ, tc.value, err)
			}
		})
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
		t.Run(body, func(t *testing.T) {
			if _, err := Read(m, []byte(body)); (err == nil) != ok {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
}

func TestSuggest(t *testing.T) {
	for asked, want := range map[string]string{"sendmessage": "sendMessage", "sendMesage": "sendMessage", "fetchMessages": "Chat.fetchMessages", "whatsmeow.getgroupinfo": "whatsmeow.GetGroupInfo"} {
		t.Run(asked, func(t *testing.T) {
			if got := suggest(asked); !slices.Contains(got, want) {
				t.Errorf("%s: %v", asked, got)
			}
		})
	}
	if got := suggest("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"); len(got) != 0 {
		t.Errorf("suggests %v", got)
	}
}
