package api

import (
	"encoding/json"
	"net/http"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

// Mount is what another package gets to add its routes to the server: the same
// authentication, the same errors, the same document.
type Mount struct {
	*route.Router
	*auth.Auth
	managed map[string]Managed
	opened  catalog.Opened
}

// Method adds a method of the catalog that the package answers.
func (m *Mount) Method(name string, do Managed) { m.managed[name] = do }

// CheckSend checks a call that is to be made later against the catalog: it is a
// method that sends, and its parameters have the right form. It returns them.
func (m *Mount) CheckSend(name string, params json.RawMessage) (json.RawMessage, error) {
	known, err := method.Find(m.opened, http.MethodPost, name)
	if err != nil {
		return nil, err
	}
	if !known.Sends {
		return nil, fault.Bad("api.CheckSend", "method", "method: %s sends nothing, so it cannot be queued", known.Name)
	}
	checked, err := method.Read(known, params)
	return checked.Raw, err
}
