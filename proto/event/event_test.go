package event

import (
	"encoding/json"
	"testing"
)

func TestAPayloadSaysItsFirstArgumentTwice(t *testing.T) {
	for _, row := range []struct {
		name string
		args []json.RawMessage
		want string
	}{
		{"none", nil, `{"data":null,"args":[]}`},
		{"one", []json.RawMessage{json.RawMessage(`{"id":"a"}`)}, `{"data":{"id":"a"},"args":[{"id":"a"}]}`},
		{"two", []json.RawMessage{json.RawMessage(`"READY"`), json.RawMessage(`2`)}, `{"data":"READY","args":["READY",2]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Encode(row.args...)
			if string(got) != row.want {
				t.Fatalf("got %s, want %s", got, row.want)
			}
			p, err := Decode(got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := json.Marshal(p); err != nil || string(again) != row.want {
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
		{"nobody wants it", Raw{}, `{"data":{"id":"a"},"args":[{"id":"a"},7]}`},
		{"there is some", Raw{Message: json.RawMessage(`{"conversation":"x"}`)}, `{"data":{"id":"a"},"args":[{"id":"a"},7],"raw":{"conversation":"x"}}`},
		{"it is too long", Raw{Omitted: true}, `{"data":{"id":"a"},"args":[{"id":"a"},7],"rawOmitted":true}`},
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

func TestAPayloadWithoutFieldsReadsAsOneWithoutArguments(t *testing.T) {
	p, err := Decode([]byte(`{}`))
	if err != nil || string(p.Data) != "null" || string(p.Args) != "[]" {
		t.Errorf("got %s, %s, %v", p.Data, p.Args, err)
	}
	if _, err := Decode([]byte(`[`)); err == nil {
		t.Error("half a document was accepted")
	}
}
