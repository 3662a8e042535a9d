package api_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"whatsapp-manager/proto/catalog"
)

func TestBadInputIsNamed(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	call := func(method, body string) answer { return o.do("POST", "/api/proxy/"+key+"/"+method, "", []byte(body)) }
	huge := `{"params":["1@c.us","` + strings.Repeat("x", 6<<20) + `"]}`
	for _, tc := range []struct {
		name, method, body string
		status             int
		code, field, says  string
	}{
		{"unknown method", "sendMesage", `[]`, 404, "unknown_method", "method", "sendMessage"},
		{"method without its class", "fetchMessages", `[]`, 404, "unknown_method", "method", "Chat.fetchMessages"},
		{"method like nothing", "%F0%9F%98%80%22%3C", `[]`, 404, "unknown_method", "method", "there is no method"},
		{"invalid UTF-8 in the path", "get%FFState", `[]`, 400, "invalid", "path", "UTF-8"},
		{"NUL in the path", "get%00State", `[]`, 400, "invalid", "path", "NUL"},
		{"impossible without a browser", "pupPage", `[]`, 501, "impossible", "method", ""},
		{"refused for good", "whatsmeow.StoreLIDPNMapping", `["1@lid","1@s.whatsapp.net"]`, 501, "impossible", "method", "where messages go"},
		{"below the books", "whatsmeow.SendPeerMessage", `[{}]`, 403, "method_closed", "method", "own phone"},
		{"too few", "sendMessage", `["1@c.us"]`, 400, "parameter_missing", "params[1]", "content"},
		{"none at all", "sendMessage", ``, 400, "parameter_missing", "params[0]", "chatId"},
		{"too many", "sendMessage", `["1@c.us","x",{},1]`, 400, "parameter_surplus", "params[3]", "sendMessage(chatId, content, options?)"},
		{"too many for a getter", "getState", `[1]`, 400, "parameter_surplus", "params[0]", "getState()"},
		{"number for a JID", "sendMessage", `[17,"x"]`, 400, "parameter_type", "params[0]", "chatId"},
		{"null for a JID", "sendMessage", `[null,"x"]`, 400, "parameter_type", "params[0]", "null"},
		{"array for options", "sendMessage", `["1@c.us","x",[]]`, 400, "parameter_type", "params[2]", "options"},
		{"whatsmeow: object for a JID", "whatsmeow.GetGroupInfo", `[{}]`, 400, "parameter_type", "params[0]", ""},
		{"invalid UTF-8", "sendMessage", "{\"params\":[\"1@c.us\",{\"caption\":\"\xff\"}]}", 400, "invalid", "params[1].caption", "UTF-8"},
		{"half a surrogate pair", "sendMessage", `["1@c.us","\ud800"]`, 400, "invalid", "[1]", "surrogate"},
		{"NUL in a text", "sendMessage", `{"params":["1@c.us","a\u0000"]}`, 400, "invalid", "params[1]", "NUL"},
		{"6 MB", "sendMessage", huge, 413, "too_large", "body", "1048576"},
		{"bottomless", "sendMessage", strings.Repeat("[", 100_000), 400, "invalid", strings.Repeat("[0]", 100), "nested"},
		{"cut off", "sendMessage", `{"params":["1@c.us",`, 400, "invalid", "body", "JSON"},
		{"not JSON", "sendMessage", `hello`, 400, "invalid", "body", "JSON"},
		{"a bare text", "sendMessage", `"hello"`, 400, "invalid", "body", "params"},
		{"by name", "sendMessage", `{"chatId":"1@c.us"}`, 400, "invalid", "chatId", "position"},
		{"object for params", "sendMessage", `{"params":{"0":"1@c.us"}}`, 400, "invalid", "params", "array"},
		{"text for params", "sendMessage", `{"params":"1@c.us"}`, 400, "invalid", "params", "array"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := call(tc.method, tc.body)
			if a.status != tc.status || a.str("success") != "false" || a.str("code") != tc.code || a.str("details.field") != tc.field || !strings.Contains(a.str("error"), tc.says) {
				t.Errorf("%s: %d %.600s", tc.name, a.status, a.raw)
			}
			if bytes.Contains(a.raw, []byte(key)) {
				t.Errorf("%s: the answer repeats the key", tc.name)
			}
		})
	}
	if n := len(o.worker.seen()); n != 0 {
		t.Errorf("the worker was asked %d times", n)
	}
	for name, k := range map[string]string{"unknown": "wam_" + strings.Repeat("A", 43), "misshapen": "wam_x", "no key at all": "foo", "of another kind": o.token} {
		t.Run(name, func(t *testing.T) {
			a := o.do("POST", "/api/proxy/"+k+"/getState", "", nil)
			if a.status != 401 || a.str("code") != "unknown_key" || bytes.Contains(a.raw, []byte(k)) {
				t.Errorf("key %s: %d %s", name, a.status, a.raw)
			}
		})
	}
	if a := o.do("POST", "/api/proxy/getState", "", nil); a.status != 401 || a.str("code") != "key_missing" {
		t.Errorf("without a key: %d %s", a.status, a.raw)
	}
	for _, tc := range []struct {
		name, verb, path string
		body             any
		status           int
		field            string
	}{
		{"no name", "POST", "/api/instances", map[string]any{}, 400, "name"},
		{"empty name", "POST", "/api/instances", map[string]any{"name": "  "}, 400, "name"},
		{"long name", "POST", "/api/instances", map[string]any{"name": strings.Repeat("x", 101)}, 400, "name"},
		{"NUL in a name", "POST", "/api/instances", map[string]any{"name": "a\x00b"}, 400, "name"},
		{"invalid UTF-8 in a name", "POST", "/api/instances", []byte("{\"name\":\"\xff\"}"), 400, "name"},
		{"number for a name", "POST", "/api/instances", map[string]any{"name": 7}, 400, "name"},
		{"unknown member", "POST", "/api/instances", map[string]any{"name": "x", "colour": "red"}, 400, "colour"},
		{"negative rate", "POST", "/api/instances", map[string]any{"name": "x", "sendsPerMinute": -1}, 400, "sendsPerMinute"},
		{"absurd rate", "POST", "/api/instances", []byte(`{"name":"x","sendsPerMinute":1e300}`), 400, "sendsPerMinute"},
		{"fraction", "POST", "/api/instances", []byte(`{"name":"x","sendsPerMinute":1.5}`), 400, "sendsPerMinute"},
		{"no body", "POST", "/api/instances", nil, 400, ""},
		{"6 MB", "POST", "/api/instances", []byte(`{"name":"` + strings.Repeat("x", 6<<20) + `"}`), 413, "body"},
		{"page 0", "GET", "/api/instances?page=0", nil, 400, "page"},
		{"page of letters", "GET", "/api/instances?page=x", nil, 400, "page"},
		{"page beyond", "GET", "/api/instances?page=99999999999999999999", nil, 400, "page"},
		{"NUL in the query", "GET", "/api/instances?page=%00", nil, 400, "query"},
		{"no such instance", "GET", "/api/instances/abcdefghijkl", nil, 404, ""},
		{"no id", "GET", "/api/instances/%F0%9F%98%80", nil, 404, ""},
		{"path upwards", "GET", "/api/instances/..%2F..%2Fetc", nil, 404, ""},
		{"no such route", "GET", "/api/nothing", nil, 404, ""},
		{"wrong verb", "PUT", "/api/instances/" + id, nil, 405, ""},
		{"object for a text", "POST", "/api/instances/" + id + "/send", map[string]any{"chatId": map[string]any{}, "content": "x"}, 400, "chatId"},
		{"number for a content", "POST", "/api/instances/" + id + "/send", map[string]any{"chatId": "1@c.us", "content": 4}, 400, "content"},
		{"no such key", "DELETE", "/api/instances/" + id + "/keys/abcdefghijklmnop", nil, 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := o.do(tc.verb, tc.path, o.token, tc.body)
			if a.status != tc.status || a.str("field") != tc.field || a.str("status") != fmt.Sprint(tc.status) || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s %.500s", tc.name, a.status, a.header.Get("Content-Type"), a.raw)
			}
		})
	}
	if a := o.do("POST", "/api/instances", o.token, []byte("<name/>"), "Content-Type", "text/xml"); a.status != 415 {
		t.Errorf("XML: %d %s", a.status, a.raw)
	}
	if a := o.do("POST", "/api/instances", o.token, []byte("x"), "Content-Encoding", "gzip"); a.status != 415 || a.str("field") != "Content-Encoding" {
		t.Errorf("gzip: %d %s", a.status, a.raw)
	}
}

// TestNothingAClientSendsIsOurFault throws seeded nonsense at every route of
// the document and at every method of the catalog.
func TestNothingAClientSendsIsOurFault(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.want(http.StatusOK, http.MethodPatch, "/api/instances/"+id, o.token, map[string]any{"sendsPerMinute": 0})
	o.worker.says(`[]`, nil)
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		`{`, `}`, `[`, `]`, `"`, `:`, `,`, `null`, `true`, `-1`, `1e999`, `0.5`, `"a"`, `"params"`, `"name"`, `"\ud800"`, `"\u0000"`, "\xff", ` `, `"email"`, `"role"`,
		`"1@c.us"`, `{"$date":1}`, `{"$number":"Infinity"}`, `[[]]`, `9223372036854775808`, `"password"`, `{"params":[`, `]}`, `"chatId"`, `"content"`, `"phoneNumber"`,
	}
	nonsense := func() []byte {
		var b bytes.Buffer
		for range r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.Bytes()
	}
	check := func(what string, body []byte, a answer) {
		t.Helper()
		if a.status >= 500 && a.status != http.StatusNotImplemented {
			t.Errorf("%s with %q: %d %.300s", what, body, a.status, a.raw)
		}
	}
	doc := o.want(http.StatusOK, "GET", "/openapi.json", "", nil)
	paths, _ := doc.json["paths"].(map[string]any)
	if len(paths) < 25 {
		t.Fatalf("only %d paths are documented", len(paths))
	}
	ids := []string{id, "abcdefghijkl", "%F0%9F%98%80", "..%2F", "x", "null", "getState"}
	for path, operations := range paths {
		for verb := range operations.(map[string]any) {
			for range 6 {
				filled := path
				for strings.Contains(filled, "{") {
					from, to := strings.IndexByte(filled, '{'), strings.IndexByte(filled, '}')
					filled = filled[:from] + ids[r.IntN(len(ids))] + filled[to+1:]
				}
				if strings.HasSuffix(path, "/{id}") && verb == "delete" {
					filled = strings.ReplaceAll(filled, id, "abcdefghijkl")
				}
				if strings.HasSuffix(path, "/stop") || strings.HasSuffix(path, "/logout-all") || strings.HasSuffix(path, "/change-password") {
					continue
				}
				body := nonsense()
				check(verb+" "+filled, body, o.do(strings.ToUpper(verb), filled+"?page="+pieces[r.IntN(6)+7], o.token, body))
			}
		}
	}
	methods, err := catalog.All()
	must(t, err)
	for _, m := range methods {
		for range 3 {
			body := nonsense()
			check(m.Name, body, o.do("POST", "/api/proxy/"+m.Name, key, body))
		}
	}
	if strings.Contains(o.log.String(), "panic") {
		t.Error("something panicked")
	}
}
