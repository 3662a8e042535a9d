package linkpage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whatsapp-manager/api/apitest/chromium"
	"whatsapp-manager/proto/linking"
)

// challenge is what a scripted WhatsApp asks a passkey.
const challenge = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

func passkeyDocument() linking.LinkDocument {
	options := []byte(`{"challenge":"` + challenge + `","timeout":600000,"rpId":"whatsapp.com","userVerification":"required","allowCredentials":[]}`)
	return linking.LinkDocument{Step: linking.StepPasskey, ExpiresAt: in(10 * time.Minute), Passkey: &linking.LinkPasskey{
		PublicKey: options, Origin: linking.Origin, ExpiresAt: in(10 * time.Minute), Snippet: linking.Snippet(options),
	}}
}

// states are all that the page shows, with a text of it by language.
func states(t *testing.T) []struct {
	name string
	doc  linking.LinkDocument
	says string
} {
	t.Helper()
	left := new(uint32(3))
	return []struct {
		name string
		doc  linking.LinkDocument
		says string
	}{
		{"qr", qrDocument(t), "Scan the code with your phone"},
		{"qr again", func() linking.LinkDocument {
			doc := qrDocument(t)
			doc.Error = linking.NewProblem("passkey_expired", "")
			return doc
		}(), "The time for the passkey was over"},
		{"between two codes", linking.LinkDocument{Step: linking.StepQR, Attempt: 2, AttemptsLeft: left}, "A new code is on its way"},
		{"code", linking.LinkDocument{Step: linking.StepCode, Code: "ABCD-EFGH", ExpiresAt: in(3 * time.Minute), Attempt: 1, AttemptsLeft: left}, "ABCD-EFGH"},
		{"passkey", passkeyDocument(), "WhatsApp asks for your passkey"},
		{"confirm", linking.LinkDocument{Step: linking.StepConfirm, Confirmation: &linking.LinkConfirmation{Code: "WXYZ-1234", Required: true}}, "WXYZ-1234"},
		{"confirm on the phone", linking.LinkDocument{Step: linking.StepConfirm, Confirmation: &linking.LinkConfirmation{Code: "WXYZ-1234"}}, "Accept the new device there"},
		{"linking", linking.LinkDocument{Step: linking.StepLinking}, "Keep the phone online"},
		{"syncing", linking.LinkDocument{Step: linking.StepSyncing, Progress: &linking.LinkProgress{Chats: 12, Messages: 3456, Percent: 42}}, "12 chats, 3,456 messages"},
		{"failed", linking.LinkDocument{Step: linking.StepFailed, Error: linking.NewProblem("confirmation_denied", "")}, "The codes did not match"},
		{"an error of tomorrow", linking.LinkDocument{Step: linking.StepFailed, Error: linking.NewProblem("new_one", "What a surprise.")}, "What a surprise."},
		{"stopped", linking.LinkDocument{Step: linking.StepIdle, Error: linking.NewProblem("stopped", "")}, "Not possible at the moment"},
		{"ready", linking.LinkDocument{Step: linking.StepReady}, "Your account is linked"},
	}
}

// Each state fits a small phone and a desk, can be read in both themes, and keeps nobody
// out. WAM_PICTURES names a directory for pictures of all of them.
func TestEveryStateOfThePage(t *testing.T) {
	o := open(t)
	b := chromium.Start(t, chromium.Options{})
	pictures := os.Getenv("WAM_PICTURES")
	address, _, _ := o.page(map[string]any{"expiresIn": 7200, "branding": map[string]any{"name": "Example Ltd"}})
	tab := b.Open(address)
	o.flow.next(t, "begin ")
	look := func(t *testing.T, name string) {
		t.Helper()
		for _, l := range []chromium.Look{{Width: 360, Height: 740}, {Width: 360, Height: 740, Dark: true}, {Width: 1280, Height: 800}, {Width: 1280, Height: 800, Dark: true}} {
			tab.Show(l)
			var wider int
			if tab.Value(`document.documentElement.scrollWidth - innerWidth`, &wider); wider > 0 {
				t.Errorf("%+v: %d pixels wider than the window", l, wider)
			}
			if pictures != "" {
				tab.Picture(filepath.Join(pictures, fmt.Sprintf("%s-%d-%v.png", name, l.Width, l.Dark)))
			}
			if l.Width == 360 {
				for _, v := range tab.Axe() {
					t.Errorf("%+v: %s", l, v)
				}
			}
		}
	}
	for _, s := range states(t) {
		t.Run(s.name, func(t *testing.T) {
			o.flow.show(s.doc)
			tab.See(s.says)
			if s.name == "passkey" {
				tab.Press("Install the extension")
				tab.Press("Do it without the extension")
			}
			look(t, s.name)
			if s.name == "qr" {
				tab.Press("Use a code instead")
				tab.See("Link with your phone number")
				look(t, "phone")
				tab.Press("Use the QR code instead")
			}
		})
	}
	if complaints := tab.Errors.String(); complaints != "" {
		t.Errorf("the page complains: %s", complaints)
	}
	tab.Close()
	for _, name := range []string{"over", "incomplete"} {
		t.Run(name, func(t *testing.T) {
			tab = b.Open(map[string]string{"over": o.url + "/link/#lnk_0123456789012345678901234567890123456789012", "incomplete": o.url + "/link/#lnk_0"}[name])
			tab.See("This link does not work any more")
			look(t, name)
		})
	}
}

func TestThePageWithTheKeyboard(t *testing.T) {
	o := open(t)
	b := chromium.Start(t, chromium.Options{})
	qr := qrDocument(t)
	o.flow.onBegin = func(number string) linking.LinkDocument {
		if number == "" {
			return qr
		}
		return linking.LinkDocument{Step: linking.StepCode, Code: "ABCD-EFGH", ExpiresAt: in(time.Minute)}
	}
	address, _, _ := o.page(nil)
	tab := b.Open(address)
	o.flow.next(t, "begin ")
	tab.See("Scan the code with your phone")
	tab.Keys("\t\r") // the only button
	tab.See("Link with your phone number")
	tab.Keys("\t123\r")
	tab.See("This is not a full phone number")
	tab.Keys("4567890\r") // the focus is in the field again, behind the digits
	if number := o.flow.next(t, "begin "); number != "1234567890" {
		t.Errorf("begins with %q", number)
	}
	tab.See("ABCD-EFGH")
	var focused string
	if tab.Value(`document.activeElement.id`, &focused); focused != "title" {
		t.Errorf("the focus is on %q, and a screen reader says nothing of the new step", focused)
	}
	o.flow.show(linking.LinkDocument{Step: linking.StepConfirm, Confirmation: &linking.LinkConfirmation{Code: "WXYZ-1234", Required: true}})
	tab.See("WXYZ-1234")
	tab.Keys("\t\t\r")
	o.flow.next(t, "differs")
	o.flow.show(linking.LinkDocument{Step: linking.StepReady})
	tab.See("Your account is linked")
	// It is said a moment later, so that a screen reader notices the change.
	tab.Until(`document.getElementById("live").textContent === "Your account is linked"`)
}

// A code that is replaced does not disturb what somebody is typing.
func TestTheCodeRenewsItself(t *testing.T) {
	o := open(t)
	b := chromium.Start(t, chromium.Options{})
	address, _, _ := o.page(nil)
	tab := b.Open(address)
	o.flow.next(t, "begin ")
	o.flow.show(qrDocument(t))
	tab.See("A new code comes in 0:")
	var first, second string
	tab.Value(`document.querySelector(".qr").src`, &first)
	doc := qrDocument(t)
	doc.QRCode = "data:image/png;base64,iVBORw0KGgo="
	tab.Value(`document.querySelector("button").focus()`, nil)
	o.flow.show(doc)
	tab.Until(`document.querySelector(".qr").src.endsWith("iVBORw0KGgo=")`)
	if tab.Value(`document.querySelector(".qr").src`, &second); first == second {
		t.Error("the same code")
	}
	var focused string
	if tab.Value(`document.activeElement.tagName`, &focused); focused != "BUTTON" {
		t.Errorf("the focus went to %s", focused)
	}
}

func TestThePageSpeaksTheLanguageOfItsMakerOrOfTheBrowser(t *testing.T) {
	o := open(t)
	title := func(b *chromium.Browser, body map[string]any) (lang, text string) {
		address, _, _ := o.page(body)
		tab := b.Open(address)
		defer tab.Close()
		o.flow.next(t, "begin ")
		o.flow.show(qrDocument(t))
		tab.Until(`!!document.querySelector(".qr")`)
		tab.Value(`document.documentElement.lang`, &lang)
		tab.Value(`document.querySelector("h1").textContent`, &text)
		o.flow.show(linking.LinkDocument{Step: linking.StepIdle})
		return lang, text
	}
	spanish := chromium.Start(t, chromium.Options{Language: "es-MX"})
	for name, tc := range map[string]struct {
		body       map[string]any
		lang, text string
	}{
		"the browser's": {nil, "es", "Escanea el código con tu teléfono"},
		"German":        {map[string]any{"language": "de"}, "de", "Scannen Sie den Code mit dem Telefon"},
		"Portuguese":    {map[string]any{"language": "pt"}, "pt", "Escaneie o código com o celular"},
		"English":       {map[string]any{"language": "en"}, "en", "Scan the code with your phone"},
	} {
		t.Run(name, func(t *testing.T) {
			if lang, text := title(spanish, tc.body); lang != tc.lang || text != tc.text {
				t.Errorf("%s: %s", lang, text)
			}
		})
	}
}

func TestThePageLeadsOn(t *testing.T) {
	o := open(t)
	b := chromium.Start(t, chromium.Options{})
	address, _, _ := o.page(map[string]any{"redirectUrl": "https://done.invalid/welcome"})
	tab := b.Open(address)
	o.flow.next(t, "begin ")
	o.flow.show(linking.LinkDocument{Step: linking.StepReady})
	tab.See("You are taken to done.invalid in a moment.")
	tab.Asks("https://done.invalid/welcome")
}

// While the server is away the page says so, and goes on when it is back.
func TestThePageOutlivesItsServer(t *testing.T) {
	o := open(t)
	b := chromium.Start(t, chromium.Options{})
	address, _, _ := o.page(nil)
	tab := b.Open(address)
	o.flow.next(t, "begin ")
	o.flow.show(qrDocument(t))
	tab.See("Scan the code")
	tab.Offline(true)
	o.flow.show(linking.LinkDocument{Step: linking.StepLinking})
	tab.See("The connection is interrupted")
	tab.Offline(false)
	tab.See("Keep the phone online")
}
