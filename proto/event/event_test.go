package event

import (
	"encoding/json"
	"testing"
)

func TestReadersGetTheFirstArgumentTwice(t *testing.T) {
	for _, row := range []struct {
		name      string
		args      []json.RawMessage
		lies, say string
	}{
		{"none", nil, `{"args":[]}`, `{"data":null,"args":[]}`},
		{"one", []json.RawMessage{json.RawMessage(`{"id":"a"}`)}, `{"args":[{"id":"a"}]}`, `{"data":{"id":"a"},"args":[{"id":"a"}]}`},
		{"two", []json.RawMessage{json.RawMessage(`"READY"`), json.RawMessage(`2`)}, `{"args":["READY",2]}`, `{"data":"READY","args":["READY",2]}`},
		{"a list", []json.RawMessage{json.RawMessage(`[1, {}]`), json.RawMessage(`[]`)}, `{"args":[[1, {}],[]]}`, `{"data":[1,{}],"args":[[1,{}],[]]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Encode(row.args...)
			if string(got) != row.lies {
				t.Fatalf("got %s, want %s", got, row.lies)
			}
			p, err := Decode(got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := json.Marshal(p); err != nil || string(again) != row.say {
				t.Errorf("read back %s, %v", again, err)
			}
		})
	}
}

func TestAPayloadCarriesTheRawContentOfItsMessage(t *testing.T) {
	message := json.RawMessage(`{"id":"a"}`)
	for _, row := range []struct {
		name string
		raw  Raw
		want string
	}{
		{"nobody wants it", Raw{}, `{"args":[{"id":"a"},7]}`},
		{"there is some", Raw{Message: json.RawMessage(`{"conversation":"x"}`)}, `{"args":[{"id":"a"},7],"raw":{"conversation":"x"}}`},
		{"it is too long", Raw{Omitted: true}, `{"args":[{"id":"a"},7],"rawOmitted":true}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := EncodeWith(row.raw, message, json.RawMessage(`7`))
			if string(got) != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
			p, err := Decode(got)
			if err != nil || string(p.Message) != string(row.raw.Message) || p.Omitted != row.raw.Omitted {
				t.Errorf("read back %s, %v, %v", p.Message, p.Omitted, err)
			}
		})
	}
}

// As they were written before.
func TestAPayloadThatHasItsFirstArgumentTwiceIsRead(t *testing.T) {
	p, err := Decode([]byte(`{"data":{"id":"a"},"args":[{"id":"a"}, 7]}`))
	if err != nil || string(p.Data) != `{"id":"a"}` || string(p.Args) != `[{"id":"a"}, 7]` {
		t.Errorf("got %s, %s, %v", p.Data, p.Args, err)
	}
}

func TestAPayloadWithoutFieldsReadsAsOneWithoutArguments(t *testing.T) {
	p, err := Decode([]byte(`{}`))
	if err != nil || string(p.Data) != "null" || string(p.Args) != "[]" {
		t.Errorf("got %s, %s, %v", p.Data, p.Args, err)
	}
	if _, err := Decode([]byte(`[`)); err == nil {
		t.Error("half a document was accepted")
	}
}
