package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api"
	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// endpoints is what managing webhooks needs of the store, by use.
type endpoints interface {
	endpointReader
	endpointChanges
	deliveryRecords
	FeedHead(ctx context.Context, instance supervisor.ID) (uint64, error)
	Instances(ctx context.Context, ownerID string, offset, limit int) ([]store.Instance, int, error)
}

type endpointChanges interface {
	EndpointsOf(ctx context.Context, instance supervisor.ID) ([]store.Endpoint, error)
	CreateEndpoint(ctx context.Context, e store.Endpoint) error
	UpdateEndpoint(ctx context.Context, e store.Endpoint) error
	DeleteEndpoint(ctx context.Context, id string) error
}

type deliveryRecords interface {
	Attempts(ctx context.Context, endpointID string, offset, limit int) ([]store.Attempt, int, error)
	DeadLetters(ctx context.Context, endpointID string, offset, limit int) ([]store.Backlog, int, error)
	Redrive(ctx context.Context, endpointID string, seqs []uint64, now time.Time) (int, error)
}

// Webhook is an endpoint as the API shows it; the secret is never among it.
type Webhook struct {
	ID              string            `json:"id"`
	Instance        supervisor.ID     `json:"instanceId"`
	URL             string            `json:"url"`
	Events          []string          `json:"events" doc:"Which events are posted; empty: all"`
	Headers         map[string]string `json:"headers" doc:"Sent with every post"`
	Raw             bool              `json:"raw" doc:"Each Message is posted with its raw content in _data.message"`
	Enabled         bool              `json:"enabled"`
	Held            bool              `json:"held" doc:"true: nothing is posted, because the user who owns the instance is disabled. Events that come meanwhile are posted when the user is enabled again"`
	CreatedBy       *Maker            `json:"createdBy,omitempty" doc:"Absent: the webhook was made before this was recorded"`
	Cursor          uint64            `json:"cursor" doc:"Everything up to this seq is delivered, waits for a retry, or was not asked for"`
	Delivered       int64             `json:"delivered"`
	LastError       string            `json:"lastError,omitempty"`
	LastDeliveredAt *time.Time        `json:"lastDeliveredAt,omitempty"`
	CreatedAt       time.Time         `json:"createdAt"`
	UpdatedAt       time.Time         `json:"updatedAt"`
}

// Maker is who made a webhook.
type Maker struct {
	Kind string `json:"kind" enum:"key,user" doc:"key: an API key of the instance; DELETE /api/instances/{id}/keys/{keyId}?webhooks=delete ends both"`
	ID   string `json:"id"`
}

func makerOf(e store.Endpoint) *Maker {
	switch {
	case e.CreatedByKey != "":
		return &Maker{"key", e.CreatedByKey}
	case e.CreatedByUser != "":
		return &Maker{"user", e.CreatedByUser}
	}
	return nil
}

func show(e store.Endpoint) Webhook {
	if e.Headers == nil {
		e.Headers = map[string]string{} // an object for clients, always
	}
	return Webhook{
		ID: e.ID, Instance: e.Instance, URL: e.URL, Events: append([]string{}, e.Events...), Headers: e.Headers, Raw: e.Raw, Enabled: e.Enabled, Held: e.Held, CreatedBy: makerOf(e),
		Cursor: e.Cursor, Delivered: e.Delivered, LastError: e.LastError, LastDeliveredAt: e.LastDeliveredAt,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

// webhooks serve the routes about webhook endpoints.
type webhooks struct {
	mount   *api.Mount
	store   endpoints
	deliver *Deliverer

	creating sync.Mutex // held while webhooks are counted and one is made
}

// EndpointRoutes adds the management of webhook endpoints.
func EndpointRoutes(st endpoints, d *Deliverer) func(*api.Mount) {
	return func(m *api.Mount) {
		h := &webhooks{mount: m, store: st, deliver: d}
		m.Method("on", h.on)
		m.OnKeyRevoked(h.endThoseOf)
		m.OnOwnerChanged(d.Recount)
		tags := []string{"Webhooks"}
		add := func(id, method, path, summary string, status int) huma.Operation {
			return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: tags, DefaultStatus: status}
		}
		route.Add(m.Router, route.OwnInstance, add("create-webhook", http.MethodPost, "/api/instances/{id}/webhooks", "Post events to a URL; the signing secret is shown only this once", http.StatusCreated), h.create)
		route.Add(m.Router, route.OwnInstance, add("list-instance-webhooks", http.MethodGet, "/api/instances/{id}/webhooks", "The webhooks of an instance", http.StatusOK), h.list)
		route.Add(m.Router, route.SignedIn, add("list-webhooks", http.MethodGet, "/api/webhooks", "All webhooks you may see", http.StatusOK), h.listAll)
		route.Add(m.Router, route.OwnInstance, add("get-webhook", http.MethodGet, "/api/webhooks/{webhook}", "One webhook", http.StatusOK), h.get)
		route.Add(m.Router, route.OwnInstance, add("update-webhook", http.MethodPatch, "/api/webhooks/{webhook}", "Change a webhook, or renew its secret", http.StatusOK), h.update)
		route.Add(m.Router, route.OwnInstance, add("delete-webhook", http.MethodDelete, "/api/webhooks/{webhook}", "Delete a webhook with what waits for delivery", http.StatusNoContent), h.delete)
		route.Add(m.Router, route.OwnInstance, add("test-webhook", http.MethodPost, "/api/webhooks/{webhook}/test", "Post a signed test event now and tell what came back", http.StatusOK), h.test)
		deliveries := add("list-deliveries", http.MethodGet, "/api/webhooks/{webhook}/deliveries", "List the newest posts with their results", http.StatusOK)
		deliveries.Description = whatIsListed
		route.Add(m.Router, route.OwnInstance, deliveries, h.deliveries)
		route.Add(m.Router, route.OwnInstance, add("list-dead-letters", http.MethodGet, "/api/webhooks/{webhook}/dead-letters", "List events whose retries are used up", http.StatusOK), h.deadLetters)
		route.Add(m.Router, route.OwnInstance, add("redrive-webhook", http.MethodPost, "/api/webhooks/{webhook}/redrive", "Try dead letters again", http.StatusAccepted), h.redrive)
	}
}

// OfInstance is the input of routes below an instance; huma fills exported embedded structs only.
type OfInstance struct {
	ID string `path:"id"`
}

// OfWebhook is the input of routes below a webhook.
type OfWebhook struct {
	Webhook string `path:"webhook" maxLength:"40"`
}

type body[T any] struct{ Body T }

type createInput struct {
	OfInstance
	Body struct {
		auth.Confirmation
		URL     string            `json:"url" maxLength:"2000" example:"https://example.org/hook"`
		Events  []string          `json:"events,omitempty" maxItems:"100" doc:"Empty: all" example:"[\"message\"]"`
		Headers map[string]string `json:"headers,omitempty" doc:"Sent with every post"`
		Raw     bool              `json:"raw,omitempty" doc:"true: each Message has in _data.message its content as WhatsApp has it, with everything that has no place elsewhere; in events from now on"`
	}
}

type created struct {
	Webhook Webhook `json:"webhook"`
	Secret  string  `json:"secret,omitempty" doc:"whsec_…, to verify signatures; shown only this once"`
}

func (h *webhooks) create(ctx context.Context, in *createInput) (*body[created], error) {
	instance, err := h.mount.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	keyID, userID := h.mount.Maker(ctx)
	if keyID == "" {
		if err := h.mount.Confirm(ctx, in.Body.CurrentPassword); err != nil {
			return nil, err
		}
	}
	if err := checkAddress(in.Body.URL, h.deliver.networks); err != nil {
		return nil, err
	}
	if err := check(in.Body.Events, in.Body.Headers); err != nil {
		return nil, err
	}
	h.creating.Lock()
	defer h.creating.Unlock()
	others, err := h.store.EndpointsOf(ctx, instance.ID)
	if err != nil {
		return nil, err
	}
	if len(others) >= mostWebhooks {
		return nil, &fault.Error{Kind: fault.Forbidden, Op: "feed.create", Code: "webhook_limit", Msg: fmt.Sprintf("the instance has %d webhooks and may not have more", len(others))}
	}
	// Only what happens from now on: a new receiver does not want last year.
	head, err := h.store.FeedHead(ctx, instance.ID)
	if err != nil {
		return nil, err
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	e := store.Endpoint{
		ID: strings.ToLower(rand.Text()), Instance: instance.ID, URL: in.Body.URL, Events: in.Body.Events, Headers: in.Body.Headers,
		Secret: newSecret(), Raw: in.Body.Raw, Enabled: true, Cursor: head, CreatedAt: at, UpdatedAt: at,
		CreatedByKey: keyID, CreatedByUser: userID,
	}
	if err := h.store.CreateEndpoint(ctx, e); err != nil {
		return nil, err
	}
	h.mount.Audit(ctx, "webhook.create", e.ID, nil)
	h.changed(ctx, e, e.Raw)
	return &body[created]{created{show(e), secretText(e.Secret)}}, nil
}

// on is whatsapp-web.js' on: over HTTP a listener is a URL.
func (h *webhooks) on(ctx context.Context, instance store.Instance, params method.Params) (any, error) {
	var in createInput
	in.ID = string(instance.ID)
	var event string
	if err := params.Decode(0, "event", &event); err != nil {
		return nil, err
	}
	if err := params.Decode(1, "listener", &in.Body.URL); err != nil {
		return nil, err
	}
	in.Body.Events = []string{event}
	out, err := h.create(ctx, &in)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.Invalid {
			named := *f
			if named.Field = "params[1]"; strings.HasPrefix(f.Field, "events") {
				named.Field = "params[0]"
			}
			return nil, &named
		}
		return nil, err
	}
	return out.Body, nil
}

type webhookList struct {
	Webhooks []Webhook `json:"webhooks"`
}

func (h *webhooks) list(ctx context.Context, in *OfInstance) (*body[webhookList], error) {
	instance, err := h.mount.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	all, err := h.store.EndpointsOf(ctx, instance.ID)
	return showAll(all), err
}

func showAll(all []store.Endpoint) *body[webhookList] {
	out := webhookList{Webhooks: make([]Webhook, len(all))}
	for i, e := range all {
		out.Webhooks[i] = show(e)
	}
	return &body[webhookList]{out}
}

func (h *webhooks) listAll(ctx context.Context, _ *struct{}) (*body[webhookList], error) {
	owner, err := h.mount.Visible(ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.store.AllEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	if owner != "" {
		const everything = 1 << 20
		mine, _, err := h.store.Instances(ctx, owner, 0, everything)
		if err != nil {
			return nil, err
		}
		own := map[supervisor.ID]bool{}
		for _, instance := range mine {
			own[instance.ID] = true
		}
		all = slices.DeleteFunc(all, func(e store.Endpoint) bool { return !own[e.Instance] })
	}
	return showAll(all), nil
}

// find returns an endpoint if the asker may see its instance.
func (h *webhooks) find(ctx context.Context, id string) (store.Endpoint, error) {
	absent := fault.New(fault.NotFound, "feed.find", "there is no such webhook")
	e, err := h.store.Endpoint(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return store.Endpoint{}, absent
	}
	if err != nil {
		return store.Endpoint{}, err
	}
	if _, err := h.mount.Instance(ctx, string(e.Instance)); fault.Is(err, fault.NotFound) {
		return store.Endpoint{}, absent
	} else if err != nil {
		return store.Endpoint{}, err
	}
	return e, nil
}

func (h *webhooks) get(ctx context.Context, in *OfWebhook) (*body[created], error) {
	e, err := h.find(ctx, in.Webhook)
	return &body[created]{created{Webhook: show(e)}}, err
}

type updateInput struct {
	OfWebhook
	Body struct {
		auth.Confirmation
		URL         *string            `json:"url,omitempty" maxLength:"2000"`
		Events      *[]string          `json:"events,omitempty" maxItems:"100"`
		Headers     *map[string]string `json:"headers,omitempty"`
		Raw         *bool              `json:"raw,omitempty" doc:"As when it is made; events from before may have no raw content"`
		Enabled     *bool              `json:"enabled,omitempty" doc:"Events that come while it is false are delivered when it is true again"`
		RenewSecret bool               `json:"renewSecret,omitempty" doc:"The answer then holds the new secret"`
	}
}

func (h *webhooks) update(ctx context.Context, in *updateInput) (*body[created], error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	change := in.Body
	if keyID, _ := h.mount.Maker(ctx); keyID == "" && change.RenewSecret {
		if err := h.mount.Confirm(ctx, change.CurrentPassword); err != nil {
			return nil, err
		}
	}
	if change.URL != nil {
		// One that was allowed once can still be disabled.
		if err := checkAddress(*change.URL, h.deliver.networks); err != nil {
			return nil, err
		}
		e.URL = *change.URL
	}
	if change.Events != nil {
		e.Events = *change.Events
	}
	if change.Headers != nil {
		e.Headers = *change.Headers
	}
	if change.Enabled != nil {
		e.Enabled = *change.Enabled
	}
	raw := e.Raw
	if change.Raw != nil {
		e.Raw = *change.Raw
	}
	out := created{}
	if change.RenewSecret {
		e.Secret = newSecret()
		out.Secret = secretText(e.Secret)
	}
	if err := check(e.Events, e.Headers); err != nil {
		return nil, err
	}
	e.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
	if err := h.store.UpdateEndpoint(ctx, e); err != nil {
		return nil, err
	}
	h.mount.Audit(ctx, "webhook.update", e.ID, nil)
	h.changed(ctx, e, e.Raw != raw)
	out.Webhook = show(e)
	return &body[created]{out}, nil
}

func (h *webhooks) delete(ctx context.Context, in *OfWebhook) (*struct{}, error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteEndpoint(ctx, e.ID); err != nil {
		return nil, err
	}
	h.mount.Audit(ctx, "webhook.delete", e.ID, nil)
	h.changed(ctx, e, e.Raw)
	return nil, nil
}

// endThoseOf deletes the webhooks that were made with a key.
func (h *webhooks) endThoseOf(ctx context.Context, instance store.Instance, keyID string) error {
	all, err := h.store.EndpointsOf(ctx, instance.ID)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.CreatedByKey != keyID {
			continue
		}
		if err := h.store.DeleteEndpoint(ctx, e.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		h.mount.Audit(ctx, "webhook.delete", e.ID, map[string]any{"key": keyID})
		h.changed(ctx, e, e.Raw)
	}
	return nil
}
