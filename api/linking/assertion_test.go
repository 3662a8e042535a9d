package linking

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// recorded is what a real Chromium answered to two questions.
type recorded struct {
	Credential authenticator.Credential `json:"credential"`
	Cases      []struct {
		Options, Answer json.RawMessage
	} `json:"cases"`
}

func readRecorded(t testing.TB) (r recorded) {
	t.Helper()
	raw, err := os.ReadFile("../../worker/wasim/passkey/testdata/chromium-148.json")
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnswersOfABrowserAreTaken(t *testing.T) {
	r := readRecorded(t)
	for i, name := range []string{"any passkey", "a passkey of the list"} {
		t.Run(name, func(t *testing.T) {
			got, err := checkAssertion(r.Cases[i].Answer, r.Cases[i].Options)
			if err != nil || string(got) != string(r.Cases[i].Answer) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

// change returns the browser's answer with another value at a path of names.
func change(t *testing.T, answer json.RawMessage, value any, path ...string) json.RawMessage {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil {
		t.Fatal(err)
	}
	at := fields
	for _, name := range path[:len(path)-1] {
		at = at[name].(map[string]any)
	}
	if at[path[len(path)-1]] = value; value == nil {
		delete(at, path[len(path)-1])
	}
	changed, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestWhatIsWrongWithAnAnswerIsNamed(t *testing.T) {
	r := readRecorded(t)
	answer, options := r.Cases[0].Answer, r.Cases[0].Options
	by := func(a authenticator.Authenticator) json.RawMessage {
		t.Helper()
		a.Credential = r.Credential
		made, err := a.Get(options)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	unlisted := json.RawMessage(strings.Replace(string(r.Cases[1].Options),
		base64.RawURLEncoding.EncodeToString(r.Credential.ID), "AAAA", 1))
	for name, tc := range map[string]struct {
		answer, options json.RawMessage
		code, field     string
	}{
		"an older answer":                {by(authenticator.Authenticator{Challenge: "bm90IHRoaXMgb25l"}), options, "assertion_challenge", "response.clientDataJSON"},
		"nothing":                        {nil, options, "assertion_encoding", ""},
		"a text":                         {json.RawMessage(`"hello"`), options, "assertion_encoding", ""},
		"a list":                         {json.RawMessage(`[[[[]]]]`), options, "assertion_encoding", ""},
		"a registration":                 {by(authenticator.Authenticator{Type: "webauthn.create"}), options, "assertion_type", "response.clientDataJSON"},
		"no id":                          {change(t, answer, nil, "id"), options, "assertion_encoding", ""},
		"an id that is no base64url":     {change(t, answer, "ä ö", "id"), options, "assertion_encoding", ""},
		"no response":                    {change(t, answer, nil, "response"), options, "assertion_encoding", ""},
		"client data that are no base64": {change(t, answer, "{}", "response", "clientDataJSON"), options, "assertion_encoding", ""},
		"client data that are no JSON":   {change(t, answer, "AAAA", "response", "clientDataJSON"), options, "assertion_encoding", ""},
		"short authenticator data":       {change(t, answer, "AAAA", "response", "authenticatorData"), options, "assertion_encoding", ""},
		"no signature":                   {change(t, answer, nil, "response", "signature"), options, "assertion_encoding", "response.signature"},
		"another challenge":              {answer, change(t, options, "bm90IHRoaXMgb25l", "challenge"), "assertion_challenge", "response.clientDataJSON"},
		"another page":                   {by(authenticator.Authenticator{Origin: "https://web.whatsapp.com.example.org"}), options, "assertion_origin", "response.clientDataJSON"},
		"the page without TLS":           {by(authenticator.Authenticator{Origin: "http://web.whatsapp.com"}), options, "assertion_origin", "response.clientDataJSON"},
		"another relying party":          {by(authenticator.Authenticator{RPID: "web.whatsapp.com"}), options, "assertion_origin", "response.authenticatorData"},
		"nobody there":                   {by(authenticator.Authenticator{Absent: true}), options, "assertion_presence", "response.authenticatorData"},
		"not the right person":           {by(authenticator.Authenticator{Unverified: true}), options, "assertion_verification", "response.authenticatorData"},
		"a passkey that was not asked for": {
			r.Cases[1].Answer, unlisted, "assertion_credential", "id",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkAssertion(tc.answer, tc.options)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Code != tc.code || f.Field != tc.field || f.Msg == "" {
				t.Errorf("%#v", err)
			}
		})
	}
}

// Whatever a client sends, the answer is a fault with a kind or the bytes as they came.
func FuzzAnswers(f *testing.F) {
	r := readRecorded(f)
	f.Add([]byte(r.Cases[0].Answer))
	f.Add([]byte(r.Cases[1].Answer))
	f.Add([]byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"` +
		strings.Repeat("A", 49) + `gAAAAA","signature":""}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := checkAssertion(answer, r.Cases[0].Options)
		if err != nil && !fault.Is(err, fault.Invalid) || err == nil && string(got) != string(answer) {
			t.Errorf("%v", err)
		}
	})
}
