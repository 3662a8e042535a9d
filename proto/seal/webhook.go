package seal

import (
	"encoding/json"
	"errors"
)

// Webhooks seals the signing secrets and the headers of webhooks: people put
// passwords for their receivers into headers. It is safe for concurrent use.
type Webhooks struct{ secret, headers *Box }

// Webhooks returns that of a ring of master keys.
func (r *Ring) Webhooks() *Webhooks {
	return &Webhooks{r.Box("webhook_endpoints.secret"), r.Box("webhook_endpoints.headers")}
}

// Seal encrypts secret and headers, a JSON object, which becomes a JSON string
// so that both forms fit into one column and are told apart.
func (w *Webhooks) Seal(id, instance string, secret, headers []byte) (sealedSecret, sealedHeaders []byte) {
	sealedHeaders, err := json.Marshal(w.headers.Seal(headers, id, instance))
	if err != nil {
		panic(err) // bytes always have a JSON form
	}
	return w.secret.Seal(secret, id, instance), sealedHeaders
}

// Open is the reverse of Seal; a value that is not sealed comes back as it is.
// open says that one of them was not, or is sealed with an older key: it is time
// to seal both. Error: ErrUnknown, ErrChanged.
func (w *Webhooks) Open(id, instance string, secret, headers []byte) (openSecret, openHeaders []byte, open bool, err error) {
	newest := w.secret.newest()
	if by, sealed := KeyOf(secret); sealed {
		open = by != newest
		if secret, err = w.secret.Open(secret, id, instance); err != nil {
			return nil, nil, false, err
		}
	} else {
		open = true
	}
	var inner []byte
	if json.Unmarshal(headers, &inner) != nil || len(inner) == 0 {
		return secret, headers, true, nil //nolint:nilerr // an object, which is not sealed
	}
	if by, _ := KeyOf(inner); by != newest {
		open = true
	}
	if headers, err = w.headers.Open(inner, id, instance); errors.Is(err, ErrOpen) {
		err = ErrChanged
	}
	if err != nil {
		return nil, nil, false, err
	}
	return secret, headers, open, nil
}
