package api

import (
	"context"
	"encoding/json"
	"net/http"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Mount is what another package gets to add its routes to the server: the same
// authentication, the same errors, the same document.
type Mount struct {
	*route.Router
	*auth.Auth
	managed   map[string]Managed
	opened    catalog.Opened
	instances *instances
	open      map[string]bool
}

// SaveInstance writes a new instance with its first key, or nothing.
type SaveInstance func(ctx context.Context, in store.Instance, key store.APIKey) error

// MakeInstance makes an instance for the user who asks, within their limits and those of
// the installation. It returns the instance and its key, which is shown this once.
func (m *Mount) MakeInstance(ctx context.Context, name string, save SaveInstance) (InstanceView, string, error) {
	return m.instances.create(ctx, name, "", m.instances.cfg.SendsPerMinute, save)
}

// MayMakeInstance returns nil when MakeInstance would make one now, and otherwise says which
// limit is reached. It holds no place.
func (m *Mount) MayMakeInstance(ctx context.Context) error {
	_, err := m.instances.room(ctx, 0, 0)
	return err
}

// RawEventsChanged says that webhooks of an instance may have begun or ceased to want the
// raw content of messages. It returns when the worker knows, or cannot be told now.
func (m *Mount) RawEventsChanged(ctx context.Context, id supervisor.ID) {
	m.instances.followRawEvents(ctx, id)
}

// AnyOrigin lets pages of any origin ask the path and read its answers. That is right
// for a route that takes a bearer token, and nothing that a browser sends by itself.
func (m *Mount) AnyOrigin(path string) { m.open[path] = true }

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
