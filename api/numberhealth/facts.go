package numberhealth

import (
	"context"
	"time"

	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/standing"
	"whatsapp-manager/supervisor"
)

// factStore is where the facts about a number are.
type factStore interface {
	Standing(ctx context.Context, instance supervisor.ID) (standing.Document, error)
	NumberAge(ctx context.Context, instance supervisor.ID, before time.Time) (oldest time.Time, old bool, err error)
}

// readFacts reads what the policy has to know of a number.
func readFacts(ctx context.Context, st factStore, id supervisor.ID, p healthpolicy.Policy, now time.Time) (healthpolicy.Facts, error) {
	known, err := st.Standing(ctx, id)
	if err != nil {
		return healthpolicy.Facts{}, err
	}
	f := healthpolicy.Facts{Standing: known}
	if p.Longest() == 0 || p.WarmUp.NumberSince != "" {
		return f, nil
	}
	f.Oldest, f.Old, err = st.NumberAge(ctx, id, now.AddDate(0, 0, -p.Longest()))
	return f, err
}
