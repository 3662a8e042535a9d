// Package authenticator is an authenticator in software, with the browser in front of
// it: it turns the options of a WebAuthn request into the answer of
// navigator.credentials.get, in the JSON that PublicKeyCredential.toJSON gives. It is
// for tests, which may also let it go wrong on purpose.
//
//	answer, err := authenticator.Authenticator{Credential: credential}.Get(optionsJSON)
//
// It must not know the simulator, nor how an answer is verified.
package authenticator
