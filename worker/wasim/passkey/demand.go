package passkey

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// defaultLifetime is what the options say that others have seen.
const defaultLifetime = 10 * time.Minute

// defaultProofLifetime is how long whatsmeow keeps the key of its proof.
const defaultProofLifetime = 5 * time.Minute

// Demand is the passkey of an account and how it is asked for. Complete fills in what
// is left out.
type Demand struct {
	// Credential is the account's passkey.
	Credential Credential
	// ListCredential names the credential in allowCredentials, which is empty otherwise.
	ListCredential bool
	// OmitOptions leaves the options out of the notification, so that the companion has
	// to ask for them.
	OmitOptions bool
	// AlwaysConfirm asks the phone for the code also when the proof was valid.
	AlwaysConfirm bool
	// Lifetime is how long the companion may take to bring an assertion, and from then
	// on how long the rest may take. Ten minutes when 0.
	Lifetime time.Duration
	// ProofLifetime is how long a proof lets the phone go on without the code. Five
	// minutes when 0.
	ProofLifetime time.Duration
}

// Complete returns the demand with a new credential and the usual times where there
// are none. It fails with ErrCredential.
func (d Demand) Complete() (Demand, error) {
	if d.Credential.ID == nil && d.Credential.PrivateKey == nil && d.Credential.UserHandle == nil {
		credential, err := NewCredential()
		if err != nil {
			return Demand{}, err
		}
		d.Credential = credential
	}
	if d.Lifetime <= 0 {
		d.Lifetime = defaultLifetime
	}
	if d.ProofLifetime <= 0 {
		d.ProofLifetime = defaultProofLifetime
	}
	return d, d.Credential.check()
}

// options is what a page hands to navigator.credentials.get, in JSON.
type options struct {
	Challenge        string          `json:"challenge"`
	Timeout          int64           `json:"timeout"`
	RPID             string          `json:"rpId"`
	AllowCredentials []allowed       `json:"allowCredentials"`
	UserVerification string          `json:"userVerification"`
	Extensions       map[string]bool `json:"extensions"`
}

type allowed struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Transports []string `json:"transports"`
}

// options writes the request for an assertion over a challenge.
func (d Demand) options(challenge string) ([]byte, error) {
	o := options{
		Challenge: challenge, Timeout: d.Lifetime.Milliseconds(), RPID: RPID, AllowCredentials: []allowed{},
		UserVerification: "required", Extensions: map[string]bool{"uvm": true},
	}
	if d.ListCredential {
		o.AllowCredentials = append(o.AllowCredentials, allowed{
			ID: base64.RawURLEncoding.EncodeToString(d.Credential.ID), Type: "public-key",
			Transports: []string{"hybrid", "internal"},
		})
	}
	return json.Marshal(o)
}

// verify checks an AuthenticationResponseJSON as a relying party does. credentialID is
// what the companion says beside it.
func (d Demand) verify(challenge string, credentialID, response []byte) error {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return fmt.Errorf("read the assertion: %w", err)
	}
	if !bytes.Equal(parsed.RawID, d.Credential.ID) || !bytes.Equal(credentialID, d.Credential.ID) {
		return errors.New("the credential is not the account's")
	}
	// Without a list the account is found by the handle, so it must be there.
	if handle := parsed.Response.UserHandle; !bytes.Equal(handle, d.Credential.UserHandle) &&
		(len(handle) > 0 || !d.ListCredential) {
		return errors.New("the user handle is not the account's")
	}
	key, err := d.Credential.cose()
	if err != nil {
		return err
	}
	err = parsed.Verify(challenge, RPID, "", []string{Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, true, true, key, protocol.SignaturePolicy{})
	var refused *protocol.Error
	if errors.As(err, &refused) && refused.Details == protocol.ErrVerification.Details {
		return fmt.Errorf("verify the assertion: %s", refused.DevInfo) // the text alone says nothing then
	}
	if err != nil {
		return fmt.Errorf("verify the assertion: %w", err)
	}
	return nil
}
