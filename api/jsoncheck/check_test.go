package jsoncheck

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckNamesThePlace(t *testing.T) {
	for _, tc := range []struct{ name, in, path, reason string }{
		{"text in an array", `{"params":["a","b` + "\xff" + `"]}`, "params[1]", "UTF-8"},
		{"text below an object in an array", `{"params":[1,{"x":{"caption":"` + "\xc3\x28" + `"}}]}`, "params[1].x.caption", "UTF-8"},
		{"after a closed sibling", `{"a":{"b":[1,2]},"c":"` + "\xe2\x82" + `"}`, "c", "UTF-8"},
		{"a quote inside an escape", `{"a":"\"","b":"` + "\xff" + `"}`, "b", "UTF-8"},
		{"the name of a member", `{"a":{"` + "\xff" + `":1}}`, "a", "UTF-8"},
		{"the whole document", `"` + "\xff" + `"`, "", "UTF-8"},
		{"escaped NUL", `{"name":"a\u0000b"}`, "name", "NUL"},
		{"bare NUL", "{\"name\":\"a\x00b\"}", "name", "NUL"},
		{"half a surrogate pair", `{"x":["\ud83d!"]}`, "x[0]", "surrogate"},
		{"a surrogate pair in the wrong order", `{"x":"\ude00\ud83d"}`, "x", "surrogate"},
		{"too deep", `{"params":[[[[1]]]]}`, "params[0][0][0]", "deeper"},
		{"between values", `{"a":` + "\xff" + `}`, "a", "UTF-8"},
		{"open string", `{"a":"` + "\xff", "a", "UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := Check([]byte(tc.in), 4)
			if d == nil {
				t.Fatal("no defect found")
			}
			if d.Path != tc.path || !strings.Contains(d.Reason, tc.reason) {
				t.Errorf("got %q %q, want %q %q", d.Path, d.Reason, tc.path, tc.reason)
			}
		})
	}
}

func TestCheckPassesWhatIsFine(t *testing.T) {
	for _, in := range []string{
		``, `{}`, `[]`, `null`, `{"a":"\\u0000"}`, `{"a":"ü€😀 \ud83d\ude00\ud83d\ude00"}`, `{"a":[{"b":[1]}]}`, `{"a`, `}}]]`, `[,,:]`,
	} {
		if d := Check([]byte(in), 8); d != nil {
			t.Errorf("%s: %v", in, d)
		}
	}
}

func FuzzCheckNeverPanics(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u0000"}],"c":"` + "\xff" + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Check(data, 16)
		var v any
		if d == nil && json.Unmarshal(data, &v) == nil {
			if out, _ := json.Marshal(v); strings.Contains(string(out), "\\u0000") {
				t.Errorf("NUL passed in %q", data)
			}
		}
	})
}
