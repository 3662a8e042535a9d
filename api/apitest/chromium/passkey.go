package chromium

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Passkey is a credential that a tab's authenticator holds.
type Passkey struct {
	ID           []byte
	Key          *ecdsa.PrivateKey
	UserHandle   []byte
	RelyingParty string
}

// Hold gives the tab an authenticator with the passkey. It belongs to a person who is
// there, and proves it.
func (tab *Tab) Hold(p Passkey) {
	tab.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		tab.t.Fatal(err)
	}
	tab.Do("hold a passkey", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		id, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		if err != nil {
			return err
		}
		encode := base64.StdEncoding.EncodeToString
		return webauthn.AddCredential(id, &webauthn.Credential{
			CredentialID: encode(p.ID), IsResidentCredential: true, RpID: p.RelyingParty, PrivateKey: encode(key), UserHandle: encode(p.UserHandle),
		}).Do(ctx)
	}))
}
