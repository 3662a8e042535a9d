package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	// farewell is how long a deletion waits for WhatsApp to hear of it.
	farewell = 5 * time.Second
	// removal covers the worker's graceful stop and its kill.
	removal = time.Minute
)

type instanceOutput struct {
	Status int
	Body   struct {
		Instance InstanceView `json:"instance"`
	}
}

type createdOutput struct {
	Body struct {
		Instance InstanceView `json:"instance"`
		APIKey   string       `json:"apiKey" doc:"Shown only this once" example:"wam_…"`
	}
}

type instancesOutput struct {
	Body struct {
		Instances  []InstanceView   `json:"instances"`
		Pagination route.Pagination `json:"pagination"`
	}
}

// instances are the routes about instances: making, changing and deleting them.
type instances struct {
	cfg        Config
	router     *route.Router
	auth       *auth.Auth
	store      instanceRecords
	supervisor instanceSupervisor
	cleanup    *cleanup
	log        zerolog.Logger

	making *places // the instances that are not made yet
}

type instanceRecords interface {
	CreateInstance(ctx context.Context, in store.Instance, key store.APIKey) error
	// Instances lists those of an owner, or all when ownerID is empty, newest first.
	Instances(ctx context.Context, ownerID string, offset, limit int) ([]store.Instance, int, error)
	UpdateInstance(ctx context.Context, id supervisor.ID, name, description *string, sendsPerMinute *int, rawEvents *bool) error
	MarkDeleted(ctx context.Context, id supervisor.ID, now time.Time) error
}

type instanceSupervisor interface {
	statusAndWorker
	Add(ctx context.Context, id supervisor.ID) error
	Want(ctx context.Context, id supervisor.ID, d supervisor.Desired) error
	Restart(ctx context.Context, id supervisor.ID) error
	FollowRawEvents(ctx context.Context, id supervisor.ID) error
}

func (h *instances) routes() {
	route.Add(h.router, route.SignedIn, route.OfInstance("list-instances", http.MethodGet, "", "List instances; administrators see all", http.StatusOK), h.listInstances)
	route.Add(h.router, route.SignedIn, route.OfInstance("create-instance", http.MethodPost, "", "Create an instance and its first API key", http.StatusCreated), h.createInstance)
	route.Add(h.router, route.OwnInstance, route.OfInstance("get-instance", http.MethodGet, "/{id}", "Show an instance", http.StatusOK), h.getInstance)
	route.Add(h.router, route.SignedIn, route.OfInstance("update-instance", http.MethodPatch, "/{id}", "Change name, description or limits", http.StatusOK), h.updateInstance)
	del := route.OfInstance("delete-instance", http.MethodDelete, "/{id}", "Delete an instance with everything that belongs to it", http.StatusNoContent)
	del.Description = "Ends the worker, logs the account out where WhatsApp can be reached, and removes events, messages, keys and webhooks."
	route.Add(h.router, route.SignedIn, del, h.deleteInstance)
}

func (h *instances) listInstances(ctx context.Context, in *struct {
	route.Paging
	All bool `query:"all" default:"true" doc:"For administrators: false lists only their own"`
},
) (*instancesOutput, error) {
	p := auth.Of(ctx)
	owner := p.User.ID
	if p.IsAdmin() && in.All {
		owner = ""
	}
	rows, total, err := h.store.Instances(ctx, owner, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &instancesOutput{}
	out.Body.Instances = make([]InstanceView, 0, len(rows))
	for _, row := range rows {
		out.Body.Instances = append(out.Body.Instances, h.view(row))
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}

func (h *instances) createInstance(ctx context.Context, in *struct {
	Body struct {
		auth.Confirmation
		Name           string `json:"name" maxLength:"100" example:"Support"`
		Description    string `json:"description,omitempty" maxLength:"1000"`
		SendsPerMinute *int   `json:"sendsPerMinute,omitempty" minimum:"0" maximum:"100000" doc:"0: no limit; absent: the installation's default"`
	}
},
) (*createdOutput, error) {
	const op = "api.createInstance"
	name := strings.TrimSpace(in.Body.Name)
	if name == "" {
		return nil, fault.Bad(op, "name", "name: must not be empty")
	}
	if err := h.auth.Confirm(ctx, in.Body.CurrentPassword); err != nil {
		return nil, err
	}
	sends := h.cfg.SendsPerMinute
	if in.Body.SendsPerMinute != nil {
		sends = *in.Body.SendsPerMinute
	}
	view, key, err := h.create(ctx, name, in.Body.Description, sends, h.store.CreateInstance)
	if err != nil {
		return nil, err
	}
	out := &createdOutput{}
	out.Body.Instance, out.Body.APIKey = view, key
	return out, nil
}

// create makes an instance of the one who asks, within the limits, and its first key. save
// writes it.
func (h *instances) create(ctx context.Context, name, description string, sends int, save SaveInstance) (InstanceView, string, error) {
	release, err := h.making.take(ctx, auth.Of(ctx).User.ID, func(own, all int) (bool, error) { return h.room(ctx, own, all) })
	if err != nil {
		return InstanceView{}, "", err
	}
	defer release()
	at := now()
	row := store.Instance{
		ID: supervisor.ID(ident.NewInstance()), OwnerID: auth.Of(ctx).User.ID, Name: name, Description: description,
		Desired: supervisor.Stop, SendsPerMinute: sends, CreatedAt: at, UpdatedAt: at,
	}
	key := credential.NewKey()
	err = save(ctx, row, store.APIKey{
		ID: ident.New(), InstanceID: row.ID, Name: "first", Hash: credential.Hash(key), Prefix: credential.Shown(key), CreatedAt: at,
	})
	if err != nil {
		return InstanceView{}, "", err
	}
	trace.Of(ctx).Instance = row.ID
	if err := h.supervisor.Add(ctx, row.ID); err != nil {
		// It exists and its key is shown this once; the next manager finds it.
		trace.Of(ctx).Logger(h.log).Warn().Err(err).Msg("new instance is not supervised yet")
	}
	h.auth.Audit(ctx, "instance.create", string(row.ID), map[string]any{"name": row.Name})
	return h.view(row), key, nil
}

func (h *instances) getInstance(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return h.show(row, http.StatusOK), nil
}

func (h *instances) updateInstance(ctx context.Context, in *struct {
	route.InstancePath
	Body struct {
		Name           *string `json:"name,omitempty" maxLength:"100"`
		Description    *string `json:"description,omitempty" maxLength:"1000"`
		SendsPerMinute *int    `json:"sendsPerMinute,omitempty" minimum:"0" maximum:"100000"`
		RawEvents      *bool   `json:"rawEvents,omitempty" doc:"true: events carry the raw content of their Message, for streams and pages that ask for it. Webhooks with raw need no switch"`
	}
},
) (*instanceOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Name != nil {
		name := strings.TrimSpace(*in.Body.Name)
		if name == "" {
			return nil, fault.Bad("api.updateInstance", "name", "name: must not be empty")
		}
		in.Body.Name = &name
	}
	if err := h.store.UpdateInstance(ctx, row.ID, in.Body.Name, in.Body.Description, in.Body.SendsPerMinute, in.Body.RawEvents); err != nil {
		return nil, err
	}
	if in.Body.RawEvents != nil {
		h.followRawEvents(ctx, row.ID)
	}
	h.auth.InstanceChanged(row.ID)
	h.auth.Audit(ctx, "instance.update", string(row.ID), nil)
	if row, err = h.auth.Instance(ctx, in.ID); err != nil {
		return nil, err
	}
	return h.show(row, http.StatusOK), nil
}

// followRawEvents has a change of what events carry take effect now. The supervisor finds
// by itself what it was not told.
func (h *instances) followRawEvents(ctx context.Context, id supervisor.ID) {
	if err := h.supervisor.FollowRawEvents(ctx, id); err != nil {
		trace.Of(ctx).Logger(h.log).Info().Err(err).Msg("what events carry changes a little later")
	}
}

// deleteInstance marks the row first: from then on the instance is gone for
// everyone, and a manager that dies in between finishes the removal.
func (h *instances) deleteInstance(ctx context.Context, in *route.InstancePath) (*route.NoContent, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	// A client that stops waiting does not stop what it began.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	h.sayFarewell(ctx, row.ID)
	if err := h.store.MarkDeleted(ctx, row.ID, now()); err != nil {
		return nil, err
	}
	h.auth.InstanceEnded(row.ID)
	h.auth.Audit(ctx, "instance.delete", string(row.ID), map[string]any{"name": row.Name})
	if err := h.cleanup.remove(ctx, row); err != nil {
		return nil, err
	}
	return route.Done, nil
}

// sayFarewell logs the account out where it can, so that the phone does not
// list a device that is gone. Without it WhatsApp drops the device in time.
func (h *instances) sayFarewell(ctx context.Context, id supervisor.ID) {
	st, ok := h.supervisor.Status(id)
	if !ok || st.Link.GetState() != workerv1.LinkState_LINK_STATE_ONLINE {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	worker, err := h.supervisor.Worker(ctx, id)
	if err == nil {
		_, err = worker.Logout(ctx, &workerv1.LogoutRequest{})
	}
	if err != nil {
		trace.Of(ctx).Logger(h.log).Info().Err(err).Msg("deleted without a logout")
	}
}

func (h *instances) show(row store.Instance, status int) *instanceOutput {
	out := &instanceOutput{Status: status}
	out.Body.Instance = h.view(row)
	return out
}
