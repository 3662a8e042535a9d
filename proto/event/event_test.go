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

func TestAPayloadWithoutFieldsReadsAsOneWithoutArguments(t *testing.T) {
	p, err := Decode([]byte(`{}`))
	if err != nil || string(p.Data) != "null" || string(p.Args) != "[]" {
		t.Errorf("got %s, %s, %v", p.Data, p.Args, err)
	}
	if _, err := Decode([]byte(`[`)); err == nil {
		t.Error("half a document was accepted")
	}
}
