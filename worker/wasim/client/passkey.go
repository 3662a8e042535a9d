package client

import (
	"context"
	"net/http"
	"net/url"
)

// Passkey says how an account demands a passkey when a device is linked. Its zero
// value demands a new one.
type Passkey struct {
	// Credential is the account's passkey; nil: a new one.
	Credential *Credential `json:"credential,omitempty"`
	// ListCredential names the credential in the options.
	ListCredential bool `json:"listCredential"`
	// OmitOptions lets the device ask for the options.
	OmitOptions bool `json:"omitOptions"`
	// AlwaysConfirm wants the code confirmed on the phone also after a valid proof.
	AlwaysConfirm bool `json:"alwaysConfirm"`
	// Lifetime is how long the device has for the assertion, and then for the rest, as Go
	// writes durations; ten minutes when empty. ProofLifetime is how long its proof stands in
	// for the code; five minutes when empty.
	Lifetime      string `json:"lifetime,omitempty"`
	ProofLifetime string `json:"proofLifetime,omitempty"`
}

// Credential is a passkey, for an authenticator. Its JSON is in the form that
// Chromium's WebAuthn.addCredential takes but for rpId, which is whatsapp.com,
// isResidentCredential, which is true, and signCount, which is 0.
type Credential struct {
	ID         []byte `json:"credentialId"`
	PrivateKey []byte `json:"privateKey"` // PKCS #8, of a key on P-256
	UserHandle []byte `json:"userHandle"`
}

// Ceremony is a linking with a passkey.
type Ceremony struct {
	// Step is what it waits for: "assertion", "nonce", "confirm", or nothing any more:
	// "done", "failed".
	Step string `json:"step"`
	// Code is what the phone shows, empty before both sides know it.
	Code string `json:"code"`
	// Proved tells that the device proved to be the one that was scanned.
	Proved bool `json:"proved"`
	// Confirm tells that the phone waits for ConfirmCode or RejectLinking.
	Confirm bool `json:"confirm"`
	// Sent tells that the device has sent its keys and waits for the phone.
	Sent bool `json:"sent"`
	// Refusal is why the device's last request was refused.
	Refusal string `json:"refusal"`
	// Error is why the ceremony failed.
	Error string `json:"error"`
}

// StartQR is ScanQR that does not wait for the device: it returns when the device has
// been asked for a passkey, if the account demands one.
func (c *Client) StartQR(ctx context.Context, number, text string) error {
	return c.post(ctx, accountPath(number, "scan"), map[string]any{"qr": text, "background": true}, nil)
}

// EnterCode lets the account's phone type the code that a device shows. It returns once
// the device is paired and active.
func (c *Client) EnterCode(ctx context.Context, number, code string) error {
	return c.post(ctx, accountPath(number, "code"), map[string]any{"code": code}, nil)
}

// StartCode is EnterCode that does not wait for the device, like StartQR.
func (c *Client) StartCode(ctx context.Context, number, code string) error {
	return c.post(ctx, accountPath(number, "code"), map[string]any{"code": code, "background": true}, nil)
}

// DemandPasskey makes the account demand a passkey from now on. It returns the
// credential.
func (c *Client) DemandPasskey(ctx context.Context, number string, passkey Passkey) (Credential, error) {
	var answer passkeyAnswer
	err := c.post(ctx, accountPath(number, "passkey"), passkey, &answer)
	return answer.Passkey.Credential, err
}

// Passkey returns the account's credential, which is empty when no passkey is
// demanded, and its last ceremonies, the oldest first.
func (c *Client) Passkey(ctx context.Context, number string) (Credential, []Ceremony, error) {
	var answer passkeyAnswer
	err := c.do(ctx, http.MethodGet, accountPath(number, "passkey"), http.NoBody, &answer)
	return answer.Passkey.Credential, answer.Ceremonies, err
}

// ConfirmCode confirms on the phone the code that a device shows. Another code than the
// phone's is an error.
func (c *Client) ConfirmCode(ctx context.Context, number, code string) error {
	return c.post(ctx, accountPath(number, "passkey/confirm"), map[string]string{"code": code}, nil)
}

// RejectLinking rejects on the phone every ceremony that is under way. It is an error
// when there is none.
func (c *Client) RejectLinking(ctx context.Context, number string) error {
	return c.post(ctx, accountPath(number, "passkey/reject"), struct{}{}, nil)
}

// ExpireLinking ends every ceremony that is under way as if its time were up. It is an
// error when there is none.
func (c *Client) ExpireLinking(ctx context.Context, number string) error {
	return c.post(ctx, accountPath(number, "passkey/expire"), struct{}{}, nil)
}

type passkeyAnswer struct {
	Passkey struct {
		Credential Credential `json:"credential"`
	} `json:"passkey"`
	Ceremonies []Ceremony `json:"ceremonies"`
}

func accountPath(number, call string) string {
	return "accounts/" + url.PathEscape(number) + "/" + call
}
