package auth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// KeyView is an API key as lists show one.
type KeyView struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"First characters, to tell keys apart" example:"wam_x81Kq2"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty"`
	RevokedAt  *time.Time `json:"revokedAt,omitempty"`
}

func viewKey(k store.APIKey) KeyView {
	return KeyView{ID: k.ID, Name: k.Name, Prefix: k.Prefix, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
}

type keyOutput struct {
	Body struct {
		Key    KeyView `json:"key"`
		APIKey string  `json:"apiKey" doc:"Shown only this once"`
	}
}

type keysOutput struct {
	Body struct {
		Keys []KeyView `json:"keys"`
	}
}

// keyRoutes are the routes about an instance's API keys.
type keyRoutes struct {
	auth  *Auth
	store keyRecords
}

func (h *keyRoutes) routes(r *route.Router) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		o := route.OfInstance(id, method, "/{id}/keys"+path, summary, status)
		o.Tags = []string{"API keys"}
		return o
	}
	route.Add(r, route.SignedIn, op("list-keys", http.MethodGet, "", "List the API keys of an instance", http.StatusOK), h.listKeys)
	route.Add(r, route.SignedIn, op("create-key", http.MethodPost, "", "Create another API key", http.StatusCreated), h.createKey)
	route.Add(r, route.SignedIn, op("revoke-key", http.MethodDelete, "/{keyId}", "Revoke an API key; it stops working at once", http.StatusNoContent), h.revokeKey)
}

func (h *keyRoutes) listKeys(ctx context.Context, in *route.InstancePath) (*keysOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := h.store.Keys(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	out.Body.Keys = make([]KeyView, 0, len(list))
	for _, k := range list {
		out.Body.Keys = append(out.Body.Keys, viewKey(k))
	}
	return out, nil
}

func (h *keyRoutes) createKey(ctx context.Context, in *struct {
	route.InstancePath
	Body *struct {
		Confirmation
		Name string `json:"name,omitempty" maxLength:"100"`
	}
},
) (*keyOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name, password := "", ""
	if in.Body != nil {
		name, password = strings.TrimSpace(in.Body.Name), in.Body.CurrentPassword
	}
	if err := h.auth.Confirm(ctx, password); err != nil {
		return nil, err
	}
	key := credential.NewKey()
	k := store.APIKey{ID: ident.New(), InstanceID: row.ID, Name: name, Hash: credential.Hash(key), Prefix: credential.Shown(key), CreatedAt: now()}
	if err := h.store.InsertKey(ctx, k); err != nil {
		return nil, err
	}
	h.auth.Audit(ctx, "key.create", string(row.ID), map[string]any{"key": k.ID})
	out := &keyOutput{}
	out.Body.Key, out.Body.APIKey = viewKey(k), key
	return out, nil
}

func (h *keyRoutes) revokeKey(ctx context.Context, in *struct {
	route.InstancePath
	KeyID    string `path:"keyId" maxLength:"40"`
	Webhooks string `query:"webhooks" enum:"keep,delete" default:"keep" doc:"delete: also delete the webhooks that were made with this key; keep: they stay"`
},
) (*route.NoContent, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	absent := fault.New(fault.NotFound, "auth.revokeKey", "there is no such key")
	if !ident.Is(in.KeyID) {
		return nil, absent
	}
	err = h.store.RevokeKey(ctx, row.ID, in.KeyID, now())
	h.auth.keyring.forget(row.ID)
	if fault.Is(err, fault.NotFound) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	h.auth.watch.EndKey(in.KeyID)
	h.auth.Audit(ctx, "key.revoke", string(row.ID), map[string]any{"key": in.KeyID})
	if in.Webhooks == "delete" {
		for _, end := range h.auth.hooks.keyRevoked {
			if err := end(ctx, row, in.KeyID); err != nil {
				return nil, err // the key is revoked; asking again goes on here
			}
		}
	}
	return route.Done, nil
}
