package numberhealth

import (
	"context"
	"net/http"
	"time"

	"whatsapp-manager/api"
	"whatsapp-manager/api/route"
)

type healthOutput struct {
	Body struct {
		Health View `json:"health"`
	}
}

// Routes adds the health of numbers to the API.
func Routes(k *Keeper) func(*api.Mount) {
	return func(m *api.Mount) {
		get := route.OfInstance("get-number-health", http.MethodGet, "/{id}/health", "Show the health of the instance's number", http.StatusOK)
		get.Description = "What WhatsApp has said of the number, how people answer it, and what the policy makes of that. Everything is counted from the account's messages in the database. The event number_health tells when WhatsApp's word changes."
		get.Tags = []string{tag}
		route.Add(m.Router, route.OwnInstance, get, func(ctx context.Context, in *route.InstancePath) (*healthOutput, error) {
			row, err := m.Instance(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			out := &healthOutput{}
			out.Body.Health, err = k.view(ctx, row, time.Now())
			return out, err
		})
	}
}

const tag = "Number health"
