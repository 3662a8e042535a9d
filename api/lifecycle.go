package api

import (
	"context"
	"net/http"

	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func (h *instances) lifecycleRoutes() {
	start := route.OfInstance("start-instance", http.MethodPost, "/{id}/start", "Start an instance", http.StatusAccepted)
	start.Description = "202 when the instance has to be started, 200 when it runs already. This resets an open circuit breaker. An instance that WhatsApp refuses (link is refused) gets a new worker, which tries once more."
	route.Add(h.router, route.OwnInstance, start, h.start)
	route.Add(h.router, route.OwnInstance, route.OfInstance("stop-instance", http.MethodPost, "/{id}/stop", "Stop an instance; it stays paired", http.StatusAccepted), h.stop)
	route.Add(h.router, route.OwnInstance, route.OfInstance("restart-instance", http.MethodPost, "/{id}/restart", "Stop the worker gracefully and start a new one, which connects again", http.StatusAccepted), h.restart)
	logout := route.OfInstance("logout-instance", http.MethodPost, "/{id}/logout", "End the pairing with WhatsApp", http.StatusAccepted)
	logout.Description = "202 when the account was logged out, 200 when there was no account. The worker goes on, unpaired."
	route.Add(h.router, route.OwnInstance, logout, h.logoutInstance)
	for _, what := range []string{"start", "stop", "logout"} {
		responses := h.router.OpenAPI().Paths["/api/instances/{id}/"+what].Post.Responses
		already := *responses["202"]
		already.Description = "The instance is in this state already"
		responses["200"] = &already
	}
}

func (h *instances) start(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	if st, ok := h.supervisor.Status(supervisor.ID(in.ID)); ok && st.State == supervisor.Running && st.Link.GetState() == workerv1.LinkState_LINK_STATE_REFUSED {
		return h.restart(ctx, in)
	}
	return h.want(ctx, in.ID, supervisor.Run, func(st supervisor.Status) bool {
		return st.State == supervisor.Starting || st.State == supervisor.Running || st.State == supervisor.Detached
	})
}

func (h *instances) stop(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	return h.want(ctx, in.ID, supervisor.Stop, func(st supervisor.Status) bool { return st.State == supervisor.Stopped })
}

// want answers 200 when the instance is already so, and otherwise 202 after the wish is kept.
func (h *instances) want(ctx context.Context, id string, desired supervisor.Desired, so func(supervisor.Status) bool) (*instanceOutput, error) {
	row, err := h.auth.Instance(ctx, id)
	if err != nil {
		return nil, err
	}
	if st, ok := h.supervisor.Status(row.ID); ok && st.Desired == desired && so(st) {
		return h.show(row, http.StatusOK), nil
	}
	if err := h.supervisor.Want(ctx, row.ID, desired); err != nil {
		return nil, err
	}
	h.auth.Audit(ctx, "instance."+string(desired), string(row.ID), nil)
	row.Desired = desired
	return h.show(row, http.StatusAccepted), nil
}

func (h *instances) restart(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.supervisor.Restart(ctx, row.ID); err != nil {
		return nil, err
	}
	h.auth.Audit(ctx, "instance.restart", string(row.ID), nil)
	return h.show(row, http.StatusAccepted), nil
}

func (h *instances) logoutInstance(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	worker, err := h.supervisor.Worker(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	_, err = worker.Logout(ctx, &workerv1.LogoutRequest{})
	if fault.Is(err, fault.Unpaired) {
		return h.show(row, http.StatusOK), nil
	}
	if err != nil {
		return nil, err
	}
	h.auth.Audit(ctx, "instance.logout", string(row.ID), nil)
	return h.show(row, http.StatusAccepted), nil
}
