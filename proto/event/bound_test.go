package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func list(n int, of string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(of+",", n), ",") + "]"
}

// An event that is too long keeps its head, says what is missing, and fits.
func TestAnEventIsBounded(t *testing.T) {
	const head = `"id":{"_serialized":"false_49@c.us_A1"},"type":"chat"`
	long := strings.Repeat("é<", Max)
	for _, row := range []struct {
		name    string
		raw     int
		args    []string
		missing []string
		omitted bool
	}{
		{"it fits", 1000, []string{`{` + head + `,"body":"é<"}`, `"x"`}, nil, false},
		{"content is omitted first", Max / 2, []string{`{` + head + `}`}, nil, true},
		{"text", 0, []string{`{"_data":{"body":"` + long + `"},` + head + `,"body":"` + long + `"}`}, []string{"data._data.body", "data.body"}, false},
		{"text and content", 1000, []string{`{` + head + `,"body":"` + long + `"}`}, []string{"data.body"}, true},
		{"another argument", 0, []string{`{` + head + `}`, `"` + long + `"`}, []string{"args.1"}, false},
		{"list", 0, []string{`{` + head + `,"mentionedIds":` + list(100_000, `"4911@c.us"`) + `}`}, []string{"data.mentionedIds"}, false},
		{"lists in lists", 0, []string{`{` + head + `,"rows":` + list(300, list(300, `{"title":"x"}`)) + `}`}, nil, false},
		{"a name", 0, []string{`{` + head + `,"` + long + `":1}`}, []string{"data."}, false},
		{"nested texts", 0, []string{`{"_data":{"rows":` + list(10, list(10, `{"a":"`+strings.Repeat("x", 9000)+`"}`)) + `},` + head + `}`}, nil, false},
		{"many members", 0, []string{`{"_data":{` + members(40_000) + `},` + head + `}`}, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := make([]json.RawMessage, len(row.args))
			for i, arg := range row.args {
				args[i] = json.RawMessage(arg)
			}
			var raw Raw
			if row.raw > 0 {
				raw.Message = json.RawMessage(`{"conversation":"` + strings.Repeat("x", row.raw) + `"}`)
			}
			encoded := EncodeWith(raw, args...)
			p, err := Decode(encoded)
			if err != nil || !utf8.Valid(encoded) {
				t.Fatalf("no JSON: %v", err)
			}
			if size := len(p.Data) + len(p.Args) + 2*len(p.Message); size > Max+10 {
				t.Errorf("has %d bytes", size)
			}
			if row.missing != nil && !slices.Equal(p.Truncated, row.missing) || len(p.Truncated) > maxNamed {
				t.Errorf("says that %.300q are missing", p.Truncated)
			}
			if whole := row.name == "it fits"; whole != (p.Truncated == nil && !p.Omitted) || p.Omitted != row.omitted {
				t.Errorf("truncated %.300q, omitted %v", p.Truncated, p.Omitted)
			}
			var data struct {
				ID struct {
					Serialized string `json:"_serialized"`
				}
				Type string
			}
			if err := json.Unmarshal(p.Data, &data); err != nil || data.ID.Serialized != "false_49@c.us_A1" || data.Type != "chat" {
				t.Errorf("the head is %+v, %v", data, err)
			}
			var all []json.RawMessage
			if err := json.Unmarshal(p.Args, &all); err != nil || len(all) != len(args) || string(all[0]) != string(p.Data) {
				t.Errorf("%d arguments, %v", len(all), err)
			}
		})
	}
}

func members(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"member%d":{"text":"something"}`, i)
	}
	return strings.Join(all, ",")
}

// A text of the most characters that WhatsApp takes is whole, in any script but that of
// pictures.
func TestTheLongestTextIsWhole(t *testing.T) {
	text, err := json.Marshal(strings.Repeat("語", 65_536))
	if err != nil {
		t.Fatal(err)
	}
	args := json.RawMessage(`{"_data":{"body":` + string(text) + `},"body":` + string(text) + `}`)
	if p, err := Decode(Encode(args)); err != nil || p.Truncated != nil || string(p.Data) != string(args) {
		t.Errorf("truncated %q, %v", p.Truncated, err)
	}
}

func FuzzBound(f *testing.F) {
	f.Add(`{"a":[1,{"b":"c"}],"d":1e5}`)
	f.Fuzz(func(t *testing.T, document string) {
		if !json.Valid([]byte(document)) {
			return
		}
		c := cutter{measures: measures{text: 3, items: 2, nested: 20}, path: []string{"data"}, base: 1}
		if short := c.cut(json.RawMessage(document)); !json.Valid(short) || len(short) > 4*len(document)+40 {
			t.Errorf("%q became %q", document, short)
		}
	})
}
