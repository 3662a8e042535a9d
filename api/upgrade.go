package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/rollout"
)

// WorkerUpgrade tells how far the workers are on their way to the installed build.
type WorkerUpgrade struct {
	State      string     `json:"state" enum:"none,canary,rolling,waiting,refused,off" doc:"refused: a worker did not come back with the installed build and was started again with the trusted one; those replaced before it keep the installed build until their next start"`
	Program    string     `json:"program,omitempty" doc:"The installed build of the worker, by its content"`
	Trusted    string     `json:"trusted,omitempty" doc:"The build that workers are started with, outside of an upgrade"`
	Replaced   int        `json:"replaced" doc:"Workers that came back with the installed build since the manager began"`
	Outdated   int        `json:"outdated" doc:"Workers that run another build than the installed one, also when the installed one was refused"`
	InstanceID string     `json:"instanceId,omitempty" doc:"The instance whose worker is being replaced, or did not come back"`
	Why        string     `json:"why,omitempty"`
	Since      *time.Time `json:"since,omitempty"`
}

func (h *health) upgrade() rollout.Progress {
	if h.upgrades == nil {
		return rollout.Progress{State: rollout.Off}
	}
	return h.upgrades.Rollout()
}

func viewUpgrade(u rollout.Progress) WorkerUpgrade {
	return WorkerUpgrade{
		State: string(u.State), Program: u.Program, Trusted: u.Trusted, Replaced: u.Replaced, Outdated: u.Outdated,
		InstanceID: string(u.Instance), Why: u.Why, Since: unlessZero(u.At),
	}
}

type upgradeOutput struct{ Body WorkerUpgrade }

func (h *health) upgradeRoutes() {
	route.Add(h.router, route.Admin, huma.Operation{
		OperationID: "retry-upgrade", Method: http.MethodPost, Path: "/api/health/upgrade/retry", Tags: []string{"Health"}, DefaultStatus: http.StatusAccepted,
		Summary: "Try again the installed build of the worker that was given up; 409 when none was",
	}, func(ctx context.Context, _ *struct{}) (*upgradeOutput, error) {
		if h.upgrades == nil {
			return nil, fault.New(fault.Conflict, "api.retryUpgrade", "this installation keeps no builds of the worker")
		}
		if err := h.upgrades.RetryRollout(); err != nil {
			return nil, err
		}
		h.auth.Audit(ctx, "upgrade.retry", "", nil)
		return &upgradeOutput{Body: viewUpgrade(h.upgrade())}, nil
	})
}
