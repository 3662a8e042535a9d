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

// readStanding reads of the facts only what WhatsApp said.
func readStanding(ctx context.Context, st factStore, id supervisor.ID, _ healthpolicy.Policy, _ time.Time) (healthpolicy.Facts, error) {
	known, err := st.Standing(ctx, id)
	return healthpolicy.Facts{Standing: known}, err
}

// readFacts reads what the policy has to know of a number.
func readFacts(ctx context.Context, st factStore, id supervisor.ID, p healthpolicy.Policy, now time.Time) (healthpolicy.Facts, error) {
	f, err := readStanding(ctx, st, id, p, now)
	if err != nil || p.Longest() == 0 || p.WarmUp.NumberSince != "" {
		return f, err
	}
	f.Oldest, f.Old, err = st.NumberAge(ctx, id, now.AddDate(0, 0, -p.Longest()))
	return f, err
}
