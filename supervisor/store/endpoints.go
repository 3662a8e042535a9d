package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// Endpoint is a webhook: where events of an instance are delivered to. Every
// seq up to Cursor is delivered, in the backlog, or not subscribed. One that is
// Held waits: its instance's owner is disabled.
type Endpoint struct {
	ID              string
	Instance        supervisor.ID
	URL             string
	Events          []string // empty: all
	Headers         map[string]string
	Raw             bool   // events are delivered with the raw content of their Message
	Secret          []byte // signs deliveries; nil when it cannot be opened, see UseKeys
	Enabled         bool
	Cursor          uint64
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Delivered       int64
	LastError       string // of the last failed try; empty after a success
	LastDeliveredAt *time.Time
	CreatedByKey    string // the API key that made it, empty when a user did
	CreatedByUser   string // the user who made it; both are empty where it is not known
	Held            bool   // read only
}

// CreateEndpoint inserts e; counters and LastError begin empty.
func (s *Store) CreateEndpoint(ctx context.Context, e Endpoint) error {
	const op = "store.CreateEndpoint"
	secret, headers, err := s.sealEndpoint(e)
	if err != nil {
		return failure(op, err)
	}
	return failure(op, s.q.CreateEndpoint(ctx, db.CreateEndpointParams{
		ID: e.ID, InstanceID: string(e.Instance), Url: e.URL, Events: orEmpty(e.Events), Headers: headers, Secret: secret,
		Enabled: e.Enabled, Cursor: e.Cursor, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
		CreatedByKey: e.CreatedByKey, CreatedByUser: e.CreatedByUser, Raw: e.Raw,
	}))
}

// Endpoint finds an endpoint by id.
func (s *Store) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	const op = "store.Endpoint"
	row, err := s.q.EndpointByID(ctx, id)
	if err != nil {
		return Endpoint{}, failure(op, err)
	}
	e, err := endpointOf(s.webhooks(), row.WebhookEndpoint, row.Held)
	return e, failure(op, err)
}

// EndpointsOf returns the endpoints of an instance, oldest first.
func (s *Store) EndpointsOf(ctx context.Context, instance supervisor.ID) ([]Endpoint, error) {
	rows, err := s.q.EndpointsOf(ctx, string(instance))
	return endpointsOf(s.webhooks(), "store.EndpointsOf", rows, err, func(r db.EndpointsOfRow) (db.WebhookEndpoint, bool) { return r.WebhookEndpoint, r.Held })
}

// AllEndpoints returns the endpoints of all instances that are not deleted,
// oldest first.
func (s *Store) AllEndpoints(ctx context.Context) ([]Endpoint, error) {
	rows, err := s.q.AllEndpoints(ctx)
	return endpointsOf(s.webhooks(), "store.AllEndpoints", rows, err, func(r db.AllEndpointsRow) (db.WebhookEndpoint, bool) { return r.WebhookEndpoint, r.Held })
}

// UpdateEndpoint writes what its owner may change: URL, Events, Headers,
// Secret, Enabled, Raw, UpdatedAt. Conflict when it has no secret, see Endpoint.
func (s *Store) UpdateEndpoint(ctx context.Context, e Endpoint) error {
	const op = "store.UpdateEndpoint"
	secret, headers, err := s.sealEndpoint(e)
	if err != nil {
		return failure(op, err)
	}
	n, err := s.q.UpdateEndpoint(ctx, db.UpdateEndpointParams{
		ID: e.ID, Url: e.URL, Events: orEmpty(e.Events), Headers: headers, Secret: secret, Enabled: e.Enabled, UpdatedAt: e.UpdatedAt, Raw: e.Raw,
	})
	return found(op, n, err)
}

// DeleteEndpoint removes an endpoint with its backlog and attempts.
func (s *Store) DeleteEndpoint(ctx context.Context, id string) error {
	n, err := s.q.DeleteEndpoint(ctx, id)
	return found("store.DeleteEndpoint", n, err)
}

// Progress is how far the deliveries to an endpoint came.
type Progress struct {
	EndpointID string
	Cursor     uint64
	Delivered  int64 // in all, since the endpoint was made
	At         time.Time
	Failing    bool // the newest try failed: LastError stays, whatever was delivered before
}

// AdvanceEndpoints moves the cursors and the counts of deliveries forward, never back;
// with new deliveries LastError is cleared. Saying it again, for lack of an answer,
// changes nothing. Endpoints that were deleted meanwhile are no error.
func (s *Store) AdvanceEndpoints(ctx context.Context, all []Progress) error {
	const op = "store.AdvanceEndpoints"
	if len(all) == 0 {
		return nil
	}
	var p db.AdvanceEndpointsParams
	for _, e := range all {
		p.Ids = append(p.Ids, e.EndpointID)
		p.Cursors = append(p.Cursors, int64(e.Cursor))
		p.Totals = append(p.Totals, e.Delivered)
		p.Ats = append(p.Ats, e.At)
		p.Failing = append(p.Failing, e.Failing)
	}
	written, err := s.q.AdvanceEndpoints(ctx, p)
	if err != nil || len(written) == len(all) {
		return failure(op, err)
	}
	done := make(map[string]bool, len(written))
	for _, id := range written {
		done[id] = true
	}
	for _, e := range all {
		if done[e.EndpointID] {
			continue
		}
		// Somebody writes it, or it is gone.
		if err := s.q.AdvanceEndpoint(ctx, db.AdvanceEndpointParams{
			ID: e.EndpointID, Cursor: e.Cursor, Delivered: e.Delivered, At: e.At, Failing: e.Failing,
		}); err != nil {
			return failure(op, err)
		}
	}
	return nil
}

func endpointsOf[R any](box *seal.Webhooks, op string, rows []R, err error, parts func(R) (db.WebhookEndpoint, bool)) ([]Endpoint, error) {
	if err != nil {
		return nil, failure(op, err)
	}
	list := make([]Endpoint, len(rows))
	for i, r := range rows {
		row, held := parts(r)
		if list[i], err = endpointOf(box, row, held); err != nil {
			return nil, failure(op, err)
		}
	}
	return list, nil
}

// endpointOf makes a row into an Endpoint. One that does not open is disabled and
// has no secret: nothing is posted with a wrong one, and no other endpoint is
// kept from working.
func endpointOf(box *seal.Webhooks, r db.WebhookEndpoint, held bool) (Endpoint, error) {
	if box != nil {
		secret, headers, stale, err := box.Open(r.ID, r.InstanceID, r.Secret, r.Headers)
		if _, sealed := seal.KeyOf(r.Secret); err != nil || stale && !sealed {
			secret, headers, r.Enabled, r.LastError = nil, []byte("{}"), false, unopened
		}
		r.Secret, r.Headers = secret, headers
	}
	e := Endpoint{
		ID: r.ID, Instance: supervisor.ID(r.InstanceID), URL: r.Url, Events: r.Events, Secret: r.Secret, Enabled: r.Enabled,
		Cursor: r.Cursor, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Delivered: r.Delivered, LastError: r.LastError, LastDeliveredAt: r.LastDeliveredAt,
		CreatedByKey: r.CreatedByKey, CreatedByUser: r.CreatedByUser, Held: held, Raw: r.Raw,
	}
	if err := json.Unmarshal(r.Headers, &e.Headers); err != nil {
		return Endpoint{}, fmt.Errorf("decode headers of endpoint %s: %w", r.ID, err)
	}
	return e, nil
}

func encodeHeaders(h map[string]string) ([]byte, error) {
	if h == nil {
		h = map[string]string{}
	}
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode headers: %w", err)
	}
	return b, nil
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
