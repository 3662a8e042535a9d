package api

import (
	"context"
	"net/http"

	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func (s *Server) lifecycleRoutes() {
	start := route.OfInstance("start-instance", http.MethodPost, "/{id}/start", "Want it to run", http.StatusAccepted)
	start.Description = "202 when something has to happen, 200 when it runs already. An open circuit breaker is reset. An instance that WhatsApp refuses (link is refused) is started anew, which tries once more."
	route.Add(s.router, route.OwnInstance, start, s.start)
	route.Add(s.router, route.OwnInstance, route.OfInstance("stop-instance", http.MethodPost, "/{id}/stop", "Want it to stand still; the pairing is kept", http.StatusAccepted), s.stop)
	route.Add(s.router, route.OwnInstance, route.OfInstance("restart-instance", http.MethodPost, "/{id}/restart", "End the worker gracefully and start a new one, which logs in again", http.StatusAccepted), s.restart)
	logout := route.OfInstance("logout-instance", http.MethodPost, "/{id}/logout", "End the pairing with WhatsApp", http.StatusAccepted)
	logout.Description = "202 when the account was logged out, 200 when there was none. The worker lives on, unpaired."
	route.Add(s.router, route.OwnInstance, logout, s.logoutInstance)
	for _, what := range []string{"start", "stop", "logout"} {
		responses := s.router.OpenAPI().Paths["/api/instances/{id}/"+what].Post.Responses
		already := *responses["202"]
		already.Description = "It is so already"
		responses["200"] = &already
	}
}

func (s *Server) start(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	if st, ok := s.supervisor.Status(supervisor.ID(in.ID)); ok && st.State == supervisor.Running && st.Link.GetState() == workerv1.LinkState_LINK_STATE_REFUSED {
		return s.restart(ctx, in)
	}
	return s.want(ctx, in.ID, supervisor.Run, func(st supervisor.Status) bool {
		return st.State == supervisor.Starting || st.State == supervisor.Running || st.State == supervisor.Detached
	})
}

func (s *Server) stop(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	return s.want(ctx, in.ID, supervisor.Stop, func(st supervisor.Status) bool { return st.State == supervisor.Stopped })
}

// want answers 200 when the instance is already so, and otherwise 202 after the wish is kept.
func (s *Server) want(ctx context.Context, id string, desired supervisor.Desired, so func(supervisor.Status) bool) (*instanceOutput, error) {
	row, err := s.auth.Instance(ctx, id)
	if err != nil {
		return nil, err
	}
	if st, ok := s.supervisor.Status(row.ID); ok && st.Desired == desired && so(st) {
		return s.show(row, http.StatusOK), nil
	}
	if err := s.supervisor.Want(ctx, row.ID, desired); err != nil {
		return nil, err
	}
	s.auth.Audit(ctx, "instance."+string(desired), string(row.ID), nil)
	row.Desired = desired
	return s.show(row, http.StatusAccepted), nil
}

func (s *Server) restart(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.supervisor.Restart(ctx, row.ID); err != nil {
		return nil, err
	}
	s.auth.Audit(ctx, "instance.restart", string(row.ID), nil)
	return s.show(row, http.StatusAccepted), nil
}

func (s *Server) logoutInstance(ctx context.Context, in *route.InstancePath) (*instanceOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	worker, err := s.worker(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	_, err = worker.Logout(ctx, &workerv1.LogoutRequest{})
	if fault.Is(err, fault.Unpaired) {
		return s.show(row, http.StatusOK), nil
	}
	if err != nil {
		return nil, err
	}
	s.auth.Audit(ctx, "instance.logout", string(row.ID), nil)
	return s.show(row, http.StatusAccepted), nil
}

// worker returns the live stub, or the fault that says why there is none.
func (s *Server) worker(ctx context.Context, id supervisor.ID) (workerv1.WorkerClient, error) {
	return s.supervisor.Worker(ctx, id)
}
