// Package passkey plays the part of WhatsApp, and of the account's phone, when an
// account demands a passkey to link a device. It holds the passkey, verifies what an
// authenticator answers, and agrees with the companion on a key and on the code that
// both sides show.
//
//	demand, err := passkey.Demand{}.Complete()
//	ceremony := passkey.Begin(demand, advSecret, companion) // asks the companion
//	ceremony.Answer(iq)                                     // for each of its requests
//	secret, err := ceremony.Wait(ctx)                       // the new ADV secret
//
// It must not know connections, accounts or devices: the other end is a Companion,
// and what happens to a linked device is its caller's business. Package
// authenticator makes the answers, for tests.
//
// # The ceremony
//
// The server notifies the companion of a passkey_prologue_request with the options
// of WebAuthn. The companion asks for a ref, and answers with the assertion, a
// commitment to its ephemeral key and nonce, and a proof that it holds the secret by
// which the phone found it. The server passes on the phone's ephemeral key and nonce
// (crsc_continuation), the companion reveals its own nonce, and both know the code.
// The companion sends its keys and a new ADV secret under the key agreed. The phone
// has to confirm the code unless the proof was valid.
//
// # Guesses
//
// The stanzas are those that whatsmeow reads and writes; the options are as others have
// seen them. These are guesses: which code refuses what; that a wrong assertion may be
// tried again; that the time for an assertion is the timeout of the options, and begins
// anew for the rest; that nothing is pushed when the time is up; that the answer to the
// companion's last request waits for the phone; that a companion that was found by a
// code proves the secret derived from it.
package passkey
