package carry

import (
	"slices"

	"whatsapp-manager/supervisor/moving"
)

// drop leaves out the rows whose value did not open. A message that was handled has none.
func drop(a *moving.Account) {
	a.Sessions = slices.DeleteFunc(a.Sessions, func(s moving.Session) bool { return s.Record == nil })
	a.SenderKeys = slices.DeleteFunc(a.SenderKeys, func(s moving.SenderKey) bool { return s.Record == nil })
	a.SyncKeys = slices.DeleteFunc(a.SyncKeys, func(k moving.SyncKey) bool { return k.Data == nil })
	a.Secrets = slices.DeleteFunc(a.Secrets, func(s moving.Secret) bool { return s.Key == nil })
	a.Tokens = slices.DeleteFunc(a.Tokens, func(t moving.Token) bool { return t.Token == nil })
	a.Sent = slices.DeleteFunc(a.Sent, func(s moving.Sent) bool { return s.Plaintext == nil })
}
