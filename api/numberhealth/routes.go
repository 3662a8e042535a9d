package numberhealth

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/fault"
)

type healthOutput struct {
	Body struct {
		Health View `json:"health"`
	}
}

type policyOutput struct {
	Body struct {
		Policy healthpolicy.Policy `json:"policy"`
	}
}

type policyInput struct {
	route.InstancePath
	Body healthpolicy.Policy
}

// Routes adds the health of numbers to the API.
func Routes(k *Keeper) func(*api.Mount) {
	return func(m *api.Mount) {
		op := func(id, method, path, summary, description string) huma.Operation {
			o := route.OfInstance(id, method, "/{id}/health"+path, summary, http.StatusOK)
			o.Description, o.Tags = description, []string{"Number health"}
			return o
		}
		route.Add(m.Router, route.OwnInstance, op("get-number-health", http.MethodGet, "", "Show the health of the instance's number",
			"What WhatsApp has said of the number, how people answer it, and what the policy makes of that. Everything is counted from the account's messages in the database. The event number_health tells when WhatsApp's word changes."),
			func(ctx context.Context, in *route.InstancePath) (*healthOutput, error) {
				row, err := m.Instance(ctx, in.ID)
				if err != nil {
					return nil, err
				}
				out := &healthOutput{}
				out.Body.Health, err = k.view(ctx, row, time.Now())
				return out, err
			})
		route.Add(m.Router, route.OwnInstance, op("get-health-policy", http.MethodGet, "/policy", "Show the policy for the number's health",
			"With all defaults filled in."),
			func(ctx context.Context, in *route.InstancePath) (*policyOutput, error) {
				row, err := m.Instance(ctx, in.ID)
				if err != nil {
					return nil, err
				}
				out := &policyOutput{}
				out.Body.Policy = healthpolicy.Read(row.HealthPolicy)
				return out, nil
			})
		route.Add(m.Router, route.OwnInstance, op("set-health-policy", http.MethodPut, "/policy", "Set the policy for the number's health",
			"The whole policy is replaced; what is left out has its default. It holds from the next send on, and messages that the former policy held back are looked at anew. New instances are protected; those from before this feature are watched."),
			func(ctx context.Context, in *policyInput) (*policyOutput, error) { return k.setPolicy(ctx, m, in) })
	}
}

func (k *Keeper) setPolicy(ctx context.Context, m *api.Mount, in *policyInput) (*policyOutput, error) {
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	policy, err := healthpolicy.Check(in.Body, time.Now())
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(policy)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "numberhealth.setPolicy", err, "internal error")
	}
	if err := k.store.SetHealthPolicy(ctx, row.ID, raw); err != nil {
		return nil, err
	}
	m.InstanceChanged(row.ID)
	m.Audit(ctx, "instance.health_policy", string(row.ID), map[string]any{"mode": policy.Mode})
	if err := k.shorten(ctx, row.ID, "", time.Now()); err != nil {
		return nil, err
	}
	out := &policyOutput{}
	out.Body.Policy = policy
	return out, nil
}
