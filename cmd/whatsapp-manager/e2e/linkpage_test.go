package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"whatsapp-manager/api/apitest"
	"whatsapp-manager/api/apitest/chromium"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/worker/wasim/passkey"
)

// visitor is the person with the phone, at a desk with a browser that has the extension,
// the account's passkey, and a WhatsApp Web of its own.
type visitor struct {
	*candidate
	browser *chromium.Browser
	held    chromium.Passkey
	page    *chromium.Tab
}

// newVisitor opens the link page of a new instance, whose account demands a passkey.
func newVisitor(t *testing.T, demand passkey.Demand) *visitor {
	t.Helper()
	c := newCandidate(t, start(t), demand)
	must(t, c.client.Start(c.ctx, c.id))
	var made struct{ Page struct{ URL string } }
	must(t, c.client.Want(c.ctx, http.StatusCreated, http.MethodPost, "/api/instances/"+c.id+"/link/pages",
		map[string]any{"language": "en", "branding": map[string]any{"name": "Example Ltd"}}, &made))
	base, _, ok := strings.Cut(made.Page.URL, "/link/#lnk_")
	if !ok {
		t.Fatalf("the address of the page is %q", made.Page.URL)
	}
	site := chromium.NewSite(t, "web.whatsapp.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>WhatsApp</title><p>WhatsApp Web</p>")
	}))
	key, err := passkey.Credential(c.key.Credential).Key()
	must(t, err)
	v := &visitor{candidate: c, held: chromium.Passkey{
		ID: c.key.Credential.ID, Key: key, UserHandle: c.key.Credential.UserHandle, RelyingParty: passkey.RPID,
	}}
	v.browser = chromium.Start(t, chromium.Options{
		Extension: unpackExtension(t, base), Hosts: map[string]string{"web.whatsapp.com:443": site.Address},
		Trusted: chromium.Certificates(site),
	})
	v.page = v.browser.Open(made.Page.URL)
	return v
}

func unpackExtension(t *testing.T, base string) string {
	t.Helper()
	_, packed := apitest.Do(t, http.MethodGet, base+"/link/extension.zip", "", nil)
	return chromium.Unpack(t, packed)
}

// byExtension opens WhatsApp Web from the page and agrees there. The overlay says how
// that ends.
func (v *visitor) byExtension(says string) {
	v.t.Helper()
	v.page.See("WhatsApp asks for your passkey")
	opened := v.page.Follow()
	v.page.Press("Open WhatsApp Web")
	tab := opened()
	tab.Hold(v.held)
	tab.HiddenClick("go")
	tab.HiddenText(says)
	tab.Close()
	v.page.Front()
}

// linked is the end: the page says so and opens nothing any more, and the account works.
func (v *visitor) linked() {
	v.t.Helper()
	v.page.See("Your account is linked")
	if _, err := v.client.Ready(v.ctx, v.id); err != nil {
		v.t.Fatal(err)
	}
	if complaints := v.page.Errors.String(); complaints != "" {
		v.t.Errorf("the page complains: %s", complaints)
	}
}

// A person opens the page, scans the code, answers the passkey by the extension, and
// accepts on the phone the code that the page shows.
func TestALinkPageByExtension(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, passkey.Demand{AlwaysConfirm: true})
	v.page.See("A new code comes in")
	_, err := v.account.StartQR(v.step(linking.StepQR).QR)
	must(t, err)
	v.byExtension("The answer was accepted.")
	v.page.Until(`!!document.querySelector("#confirmation")?.textContent`)
	var code string
	v.page.Value(`document.querySelector("#confirmation").textContent`, &code)
	must(t, v.account.ConfirmCode(code))
	v.linked()
}

// On the same phone the code is typed, and without the extension the console helps.
func TestALinkPageBySnippet(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, passkey.Demand{})
	v.page.Press("Use a code instead")
	v.page.Type("#number", "+"+v.account.Number())
	v.page.Press("Get the code")
	v.page.See("Type this code in WhatsApp")
	v.page.Press("Use the QR code instead")
	v.page.See("Scan the code with your phone")
	v.page.Press("Use a code instead")
	v.page.See("Type this code in WhatsApp")
	var code, line, answer string
	v.page.Value(`document.querySelector(".big").textContent`, &code)
	_, err := v.account.StartCode(v.ctx, code)
	must(t, err)
	v.page.Press("Do it without the extension")
	v.page.Value(`document.querySelector("#line").value`, &line)

	tab := v.browser.Open(linking.Origin)
	tab.Hold(v.held)
	tab.Value(line, nil)
	tab.Click("#wam-passkey button")
	tab.Until(`document.querySelector("#wam-passkey textarea").value.length > 100`)
	tab.Value(`document.querySelector("#wam-passkey textarea").value`, &answer)
	tab.Close()

	v.page.Front()
	v.page.Click("#answer")
	v.page.Paste(answer)
	v.page.Press("Send the answer")
	v.linked()
}

// What was too late begins again by itself, and the page says so. Meanwhile the manager
// is replaced.
func TestALinkPageGoesOn(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, passkey.Demand{})
	v.page.See("A new code comes in")
	_, err := v.account.StartQR(v.step(linking.StepQR).QR)
	must(t, err)
	v.page.See("WhatsApp asks for your passkey")
	v.stack.KillManager()
	must(t, v.stack.StartManager())
	must(t, v.stack.Ready(v.ctx))
	must(t, v.account.ExpireLinking())
	v.byExtension("The time was over.")
	v.page.See("The time for the passkey was over, so the linking began again.")
	_, err = v.account.StartQR(v.step(linking.StepQR).QR)
	must(t, err)
	v.byExtension("The answer was accepted.")
	v.linked()
}
