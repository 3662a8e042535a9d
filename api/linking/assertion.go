package linking

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
)

const (
	maxAssertion = 64 << 10
	relyingParty = "whatsapp.com"
	aliens       = "make the answer in a tab at " + linking.Origin
)

// checkAssertion holds an AuthenticationResponseJSON against what WhatsApp asked for, as
// far as that is possible without the account's public key, and returns it. WhatsApp
// would refuse the same things, with a number for all of them (WebAuthn Level 3, 7.2).
func checkAssertion(response, asked json.RawMessage) (json.RawMessage, error) {
	var options linking.Options
	if err := json.Unmarshal(asked, &options); err != nil {
		return nil, fault.Wrap(fault.Internal, "linking.Passkey", err, "internal error")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, wrong("assertion_encoding", "", "not an AuthenticationResponseJSON: give what credential.toJSON() gives, with bytes as base64url")
	}
	client, authenticator := parsed.Response.CollectedClientData, parsed.Response.AuthenticatorData
	party := sha256.Sum256([]byte(relyingParty))
	allowed := func(d linking.Descriptor) bool {
		id, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(d.ID, "="))
		return err == nil && bytes.Equal(id, parsed.RawID)
	}
	switch {
	case client.Type != protocol.AssertCeremony:
		return nil, wrong("assertion_type", "response.clientDataJSON", "its type is not webauthn.get: a passkey was made, not used")
	case strings.TrimRight(client.Challenge, "=") != strings.TrimRight(options.Challenge, "="):
		return nil, wrong("assertion_challenge", "response.clientDataJSON", "it answers another challenge; take publicKey from the present document")
	case client.Origin != linking.Origin:
		return nil, wrong("assertion_origin", "response.clientDataJSON", "its origin is not %s; %s", linking.Origin, aliens)
	case !bytes.Equal(authenticator.RPIDHash, party[:]):
		return nil, wrong("assertion_origin", "response.authenticatorData", "it is not for %s; %s", relyingParty, aliens)
	case !authenticator.Flags.UserPresent():
		return nil, wrong("assertion_presence", "response.authenticatorData", "nobody was present at the authenticator")
	case options.UserVerification == "required" && !authenticator.Flags.UserVerified():
		return nil, wrong("assertion_verification", "response.authenticatorData", "the authenticator did not verify the user by PIN, finger or face")
	case len(options.AllowCredentials) > 0 && !slices.ContainsFunc(options.AllowCredentials, allowed):
		return nil, wrong("assertion_credential", "id", "this passkey is not one of the account's")
	case len(parsed.Response.Signature) == 0:
		return nil, wrong("assertion_encoding", "response.signature", "there is no signature")
	}
	return response, nil
}

func wrong(code, field, format string, args ...any) error {
	f := fault.Bad("linking.Passkey", field, format, args...)
	if f.Code = code; field != "" {
		f.Msg = field + ": " + f.Msg
	}
	return f
}
