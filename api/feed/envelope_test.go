package feed

import (
	"encoding/base64"
	"encoding/json"
	"image/png"
	"slices"
	"strings"
	"testing"

	"whatsapp-manager/proto/event"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor/store"
)

// The event link is the same document as GET …/link, with the picture that no worker draws.
func TestALinkEventShowsItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		doc     linking.LinkDocument
		picture bool
	}{
		"a code":                 {linking.LinkDocument{Version: 7, Step: linking.StepQR, QR: "2@abc,def,ghi", Attempt: 2}, true},
		"between two codes":      {linking.LinkDocument{Version: 8, Step: linking.StepQR}, false},
		"ready":                  {linking.LinkDocument{Version: 9, Step: linking.StepReady}, false},
		"too long for a picture": {linking.LinkDocument{Version: 9, Step: linking.StepQR, QR: strings.Repeat("x", 3000)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := json.Marshal(c.doc)
			if err != nil {
				t.Fatal(err)
			}
			e, err := wrap(store.Event{Instance: "i1", Seq: 3, Type: linking.Event, Payload: event.Encode(said)}, false)
			if err != nil {
				t.Fatal(err)
			}
			var got linking.LinkDocument
			var args []linking.LinkDocument
			if err := json.Unmarshal(e.Data, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(e.Args, &args); err != nil || len(args) != 1 || args[0].QRCode != got.QRCode {
				t.Errorf("args %s, %v", e.Args, err)
			}
			picture := got.QRCode
			if got.QRCode = ""; got.QR != c.doc.QR || got.Version != c.doc.Version || got.Step != c.doc.Step || got.Attempt != c.doc.Attempt {
				t.Errorf("document %+v", got)
			}
			if (picture != "") != c.picture {
				t.Fatalf("picture %q", picture)
			}
			if !c.picture {
				return
			}
			encoded, isPNG := strings.CutPrefix(picture, "data:image/png;base64,")
			if image, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(encoded))); !isPNG || err != nil || image.Bounds().Dx() < 100 {
				t.Errorf("picture: %v", err)
			}
		})
	}
}

// What a feed left out of an event is said to its reader, with raw content or without.
func TestAnEventSaysWhatIsMissing(t *testing.T) {
	body, err := json.Marshal(strings.Repeat("x", event.Max))
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []bool{false, true} {
		e, err := wrap(store.Event{Instance: "i1", Seq: 3, Type: "message", Payload: event.EncodeWith(
			event.Raw{Message: json.RawMessage(`{"conversation":"x"}`)}, json.RawMessage(`{"type":"chat","body":`+string(body)+`}`))}, raw)
		if err != nil || !slices.Equal(e.Truncated, []string{"data.body"}) || !strings.Contains(string(e.Data), `"type":"chat"`) {
			t.Errorf("raw %v: %q missing, %v", raw, e.Truncated, err)
		}
		if strings.Contains(string(e.Data), `"rawOmitted":true`) != raw {
			t.Errorf("raw %v: %.200s", raw, e.Data[max(0, len(e.Data)-200):])
		}
	}
}
