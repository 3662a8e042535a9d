package linkpage_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/api/apitest"
	"whatsapp-manager/api/apitest/chromium"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/linking"
)

// whatsApp plays web.whatsapp.com: a page whose script looks for what it could get of the
// extension, under a policy that lets it do little else.
var whatsApp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self'; connect-src 'self'")
	if r.URL.Path == "/page.js" {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `window.seen = location.href; window.keys = 0; addEventListener("keydown", () => window.keys++, true);`)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><title>WhatsApp</title><script src="/page.js"></script><p>WhatsApp Web</p>`)
})

// desk is a browser with the extension, as it is downloaded, and a person's passkey.
type desk struct {
	*chromium.Browser
	passkey chromium.Passkey
}

func newDesk(t *testing.T, o *office) *desk {
	t.Helper()
	site := chromium.NewSite(t, "web.whatsapp.com", whatsApp)
	b := chromium.Start(t, chromium.Options{
		Extension: unpack(t, o.url), Hosts: map[string]string{"web.whatsapp.com:443": site.Address},
		Trusted: chromium.Certificates(site),
	})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return &desk{b, chromium.Passkey{ID: []byte("credential-0001"), Key: key, UserHandle: []byte("user-0001"), RelyingParty: "whatsapp.com"}}
}

// unpack downloads the extension and unpacks it, as a person does.
func unpack(t *testing.T, url string) string {
	t.Helper()
	res, packed := apitest.Do(t, "GET", url+"/link/extension.zip", "", nil)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return chromium.Unpack(t, packed)
}

// checkAnswer checks what a browser made of the passkey as WhatsApp does.
func (d *desk) checkAnswer(t *testing.T, answer string) {
	t.Helper()
	var a struct {
		ID, RawID, Type string
		Response        struct{ ClientDataJSON, AuthenticatorData, Signature, UserHandle string }
	}
	must(t, json.Unmarshal([]byte(answer), &a))
	decode := func(text string) []byte {
		data, err := base64.RawURLEncoding.DecodeString(text)
		must(t, err)
		return data
	}
	var client struct{ Type, Challenge, Origin string }
	must(t, json.Unmarshal(decode(a.Response.ClientDataJSON), &client))
	if client.Type != "webauthn.get" || client.Challenge != challenge || client.Origin != linking.Origin {
		t.Errorf("signed %+v", client)
	}
	data := decode(a.Response.AuthenticatorData)
	if party := sha256.Sum256([]byte("whatsapp.com")); !bytes.Equal(data[:32], party[:]) || data[32]&5 != 5 {
		t.Errorf("of another party, or of nobody: %x", data)
	}
	hash := sha256.Sum256(decode(a.Response.ClientDataJSON))
	sum := sha256.Sum256(append(data, hash[:]...))
	if !ecdsa.VerifyASN1(&d.passkey.Key.PublicKey, sum[:], decode(a.Response.Signature)) {
		t.Error("the signature is of another passkey")
	}
	if !bytes.Equal(decode(a.ID), d.passkey.ID) || a.RawID != a.ID || a.Type != "public-key" || !bytes.Equal(decode(a.Response.UserHandle), d.passkey.UserHandle) {
		t.Errorf("another credential: %s", answer)
	}
}

func TestTheExtensionAnswersThePasskey(t *testing.T) {
	o := open(t)
	d := newDesk(t, o)
	address, _, _ := o.page(map[string]any{"language": "de", "branding": map[string]any{"name": "Example Ltd"}})
	page := d.Open(address)
	o.flow.next(t, "begin ")
	o.flow.show(passkeyDocument())
	page.See("WhatsApp fragt nach Ihrem Passkey")
	opened := page.Follow()
	page.Press("WhatsApp Web öffnen")
	tab := opened()
	tab.Hold(d.passkey)
	tab.HiddenText(strings.TrimPrefix(o.url, "http://")) // who gets the account
	tab.HiddenText("Sie nennt sich „Example Ltd“.")
	picture(t, tab, "extension")
	if len(o.flow.did) > 0 {
		t.Errorf("without a click: %s", <-o.flow.did)
	}

	o.flow.refuses(errRefused)
	tab.HiddenClick("go")
	d.checkAnswer(t, o.flow.next(t, "passkey "))
	tab.HiddenText("WhatsApp hat diesen Passkey nicht angenommen.")
	tab.HiddenClick("go") // again
	d.checkAnswer(t, o.flow.next(t, "passkey "))
	tab.HiddenText("Die Antwort wurde angenommen.")

	// The page there got nothing of it.
	var seen string
	tab.Value(`[window.seen, location.href, document.querySelector("wam-link").shadowRoot, window.keys].join(" ")`, &seen)
	if seen != "https://web.whatsapp.com/ https://web.whatsapp.com/  0" {
		t.Errorf("the page there sees %q", seen)
	}
	tab.HiddenClick("close")
	tab.Until(`!document.querySelector("wam-link")`)
	o.flow.show(linking.LinkDocument{Step: linking.StepReady})
	page.See("Ihr Konto ist verknüpft")
}

func TestTheSnippetAnswersThePasskey(t *testing.T) {
	o := open(t)
	d := newDesk(t, o)
	address, _, _ := o.page(nil)
	page := d.Open(address)
	o.flow.next(t, "begin ")
	o.flow.show(passkeyDocument())
	page.Press("Do it without the extension")
	var line, answer string
	page.Value(`document.querySelector("#line").value`, &line)

	tab := d.Open(linking.Origin)
	tab.Hold(d.passkey)
	tab.Value(line, nil)
	tab.Click("#wam-passkey button")
	tab.Until(`document.querySelector("#wam-passkey textarea").value.length > 100`)
	tab.Value(`document.querySelector("#wam-passkey textarea").value`, &answer)
	tab.Close()

	page.Front()
	page.Click("#answer")
	page.Paste("half of it: " + answer[:50])
	page.Press("Send the answer")
	page.See("This is not the answer of the passkey")
	page.Value(`document.querySelector("#answer").value = ""`, nil)
	page.Click("#answer")
	page.Paste(answer)
	o.flow.refuses(errRefused)
	page.Press("Send the answer")
	d.checkAnswer(t, o.flow.next(t, "passkey "))
	page.See("is not of this passkey")
	page.Press("Send the answer")
	d.checkAnswer(t, o.flow.next(t, "passkey "))
}

// Any site can open such an address.
func TestTheExtensionRefusesWhatNoLinkPageAsks(t *testing.T) {
	o := open(t)
	d := newDesk(t, o)
	token := credential.NewLink()
	request := func(change func(m map[string]any)) string {
		m := map[string]any{"api": o.url, "token": token, "name": "x", "publicKey": map[string]any{"challenge": challenge, "rpId": "whatsapp.com"}}
		change(m)
		raw, err := json.Marshal(m)
		must(t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	key := func(name string, value any) string {
		return request(func(m map[string]any) { m["publicKey"].(map[string]any)[name] = value })
	}
	field := func(name string, value any) string { return request(func(m map[string]any) { m[name] = value }) }
	for name, text := range map[string]string{
		"nothing":                      "",
		"no base64":                    "%%%",
		"no JSON":                      base64.RawURLEncoding.EncodeToString([]byte("hello")),
		"null":                         base64.RawURLEncoding.EncodeToString([]byte("null")),
		"too much":                     field("name", strings.Repeat("x", 40_000)),
		"a site without https":         field("api", "http://example.org"),
		"a script as a site":           field("api", "javascript:alert(1)"),
		"a site that poses as another": field("api", "https://web.whatsapp.com@example.org"),
		"a token of another kind":      field("token", "wam_"+token[4:]),
		"another party":                key("rpId", "example.org"),
		"no challenge":                 key("challenge", nil),
		"a short challenge":            key("challenge", "AAAA"),
		"credentials of another kind":  key("allowCredentials", []any{map[string]any{"type": "password", "id": "AAAA"}}),
		"credentials without end":      key("allowCredentials", strings.Split(strings.Repeat("x", 65), "")),
	} {
		t.Run(name, func(t *testing.T) {
			tab := d.Open(linking.Origin + "/#wam-link=" + text)
			defer tab.Close()
			tab.HiddenText("This does not work")
			if tab.HasHidden("go") {
				t.Error("it can be agreed to")
			}
			var address string
			if tab.Value(`location.href`, &address); address != linking.Origin+"/" {
				t.Errorf("the address is %s", address)
			}
		})
	}
	t.Run("no request", func(t *testing.T) {
		tab := d.Open(linking.Origin + "/#about")
		tab.See("WhatsApp Web")
		var there bool
		if tab.Value(`!!document.querySelector("wam-link") || location.hash !== "#about"`, &there); there {
			t.Error("it does something")
		}
	})
	t.Run("a click that was meant for a window in front", func(t *testing.T) {
		tab := d.Open(linking.Origin + "/#wam-link=" + request(func(map[string]any) {}))
		defer tab.Close()
		tab.HiddenText("Continue with the passkey")
		for _, comes := range []string{`dispatchEvent(new Event("focus"))`, `document.dispatchEvent(new Event("visibilitychange"))`} {
			for began := time.Now(); tab.HiddenIsOff("go"); {
				if time.Since(began) > 20*time.Second {
					t.Fatal("it stays off")
				}
			}
			if tab.Value(comes, nil); !tab.HiddenIsOff("go") {
				t.Errorf("it can be pressed at once after %s", comes)
			}
		}
	})
	t.Run("a click of a script, and one that comes too soon", func(t *testing.T) {
		tab := d.Open(linking.Origin + "/#wam-link=" + request(func(map[string]any) {}))
		tab.HiddenText("Continue with the passkey")
		tab.Value(`document.querySelector("wam-link").click()`, nil)
		tab.HiddenText(strings.TrimPrefix(o.url, "http://"))
		if len(o.flow.did) > 0 {
			t.Errorf("without a click: %s", <-o.flow.did)
		}
		tab.HiddenClick("close")
		tab.Until(`!document.querySelector("wam-link")`)
	})
}

func picture(t *testing.T, tab *chromium.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("WAM_PICTURES"); dir != "" {
		tab.Picture(filepath.Join(dir, name+".png"))
	}
}
