package passkey

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// recorded is what Chromium 148 answered with its virtual authenticator, on a page of
// https://web.whatsapp.com, to options of ours.
type recorded struct {
	Credential Credential `json:"credential"`
	Cases      []struct {
		Options json.RawMessage `json:"options"`
		Answer  json.RawMessage `json:"answer"`
	} `json:"cases"`
}

func readRecorded(t *testing.T) recorded {
	t.Helper()
	raw, err := os.ReadFile("testdata/chromium-148.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err = json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnswersOfChromiumAreTaken(t *testing.T) {
	r := readRecorded(t)
	for i, name := range []string{"options without credentials", "options with the credential"} {
		t.Run(name, func(t *testing.T) {
			d := Demand{Credential: r.Credential, ListCredential: i == 1}
			var o options
			if err := json.Unmarshal(r.Cases[i].Options, &o); err != nil {
				t.Fatal(err)
			}
			if err := d.verify(o.Challenge, r.Credential.ID, r.Cases[i].Answer); err != nil {
				t.Error(err)
			}
			if err := d.verify(o.Challenge[1:], r.Credential.ID, r.Cases[i].Answer); err == nil {
				t.Error("another challenge was taken")
			}
		})
	}
}

// The authenticator for tests answers in the form of Chromium.
func TestAuthenticatorAnswersLikeChromium(t *testing.T) {
	r := readRecorded(t)
	key := authenticator.Authenticator{Credential: authenticator.Credential(r.Credential)}
	for i, name := range []string{"options without credentials", "options with the credential"} {
		t.Run(name, func(t *testing.T) {
			answer, err := key.Get(r.Cases[i].Options)
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := form(t, answer), form(t, r.Cases[i].Answer)
			for _, signed := range []string{"signature", "authenticatorData", "clientDataJSON"} { // a counter, a hint
				delete(ours, signed)
				delete(theirs, signed)
			}
			if !maps.Equal(ours, theirs) {
				t.Errorf("%v, Chromium %v", ours, theirs)
			}
		})
	}
}

// form is the texts of an answer by their names, those of its response included.
func form(t *testing.T, answer []byte) map[string]string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil {
		t.Fatal(err)
	}
	response, _ := fields["response"].(map[string]any)
	if names := slices.Sorted(maps.Keys(response)); len(names) != 4 {
		t.Errorf("response has %v", names)
	}
	texts := make(map[string]string)
	for _, part := range []map[string]any{fields, response} {
		for name, value := range part {
			text, _ := value.(string) // "" for what is an object
			texts[name] = text
		}
	}
	return texts
}
