package linking

// Options are a PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, 5.10). Bytes are
// base64url without padding.
type Options struct {
	Challenge        string         `json:"challenge"`
	Timeout          int            `json:"timeout,omitempty"` // milliseconds
	RelyingParty     string         `json:"rpId,omitempty"`
	AllowCredentials []Descriptor   `json:"allowCredentials,omitempty"`
	UserVerification string         `json:"userVerification,omitempty"`
	Extensions       map[string]any `json:"extensions,omitempty"`
}

// Descriptor names a credential.
type Descriptor struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Transports []string `json:"transports,omitempty"`
}
