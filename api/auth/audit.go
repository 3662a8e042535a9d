package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/loginguard"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/supervisor/store"
)

const (
	loginFailed   = "login.failed"
	failuresEvery = time.Minute
	// failuresKept is how long records stay that strangers cause. All others stay for ever.
	failuresKept = 90 * 24 * time.Hour
)

// AuditEntry is one deed.
type AuditEntry struct {
	ID     int64           `json:"id"`
	At     time.Time       `json:"at"`
	UserID string          `json:"userId,omitempty" doc:"The user who did it; absent: the system did it, or an API key, which detail names"`
	Action string          `json:"action" example:"key.create"`
	Target string          `json:"target,omitempty" doc:"The user, instance or webhook that it was done to"`
	Detail json.RawMessage `json:"detail" doc:"An object"`
}

type auditOutput struct {
	Body struct {
		Entries []AuditEntry `json:"entries" doc:"Newest first"`
		Next    int64        `json:"next,omitempty" doc:"The value of before for the next page; absent: there are no older entries"`
	}
}

// audit is the record of who did what.
type audit struct {
	store    auditRecords
	log      zerolog.Logger
	failures loginguard.Ledger
}

func (a *audit) routes(r *route.Router) {
	route.Add(r, route.SignedIn, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/api/audit", Tags: []string{"Audit"}, DefaultStatus: http.StatusOK,
		Summary:     "List who did what",
		Description: "Administrators see all. Others see what they did, and what was done to their account and their instances. Failed logins are listed too; many in a short time are one entry with a count.",
	}, a.list)
}

func (a *audit) list(ctx context.Context, in *struct {
	Action string    `query:"action" maxLength:"60" doc:"This action and those below it: login includes login.failed" example:"login"`
	User   string    `query:"user" maxLength:"40" doc:"Only what this user did"`
	Target string    `query:"target" maxLength:"60" doc:"Only what was done to this user, instance or webhook"`
	Since  time.Time `query:"since" doc:"From this time on"`
	Until  time.Time `query:"until" doc:"Before this time"`
	Before int64     `query:"before" minimum:"0" doc:"Entries older than the one of this id"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*auditOutput, error) {
	p := Of(ctx)
	filter := store.AuditFilter{Action: in.Action, UserID: in.User, Target: in.Target, Since: sometime(in.Since), Until: sometime(in.Until), Before: in.Before}
	if !p.IsAdmin() {
		filter.Viewer = p.User.ID
	}
	rows, err := a.store.AuditLog(ctx, filter, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &auditOutput{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = rows[in.Limit-1].ID
	}
	out.Body.Entries = make([]AuditEntry, len(rows))
	for i, r := range rows {
		out.Body.Entries[i] = AuditEntry(r)
	}
	return out, nil
}

// record records what the principal did. The deed is done by then, so a failure
// is logged and not returned.
func (a *audit) record(ctx context.Context, action, target string, detail map[string]any) {
	userID := ""
	if p := Of(ctx); p.User != nil {
		userID = p.User.ID
	} else if p.KeyID != "" {
		if detail == nil {
			detail = map[string]any{}
		}
		detail["apiKey"] = p.KeyID
	}
	if err := a.store.Audit(ctx, now(), userID, action, target, detail); err != nil {
		trace.Of(ctx).Logger(a.log).Warn().Err(err).Str("action", action).Msg("audit record is missing")
	}
}

// failed records that a wrong password came for the user (empty: for no account).
func (a *audit) failed(ctx context.Context, userID, ip string) {
	at := now()
	if a.failures.Note(userID, ip, at) {
		a.recordFailure(ctx, loginguard.Failure{User: userID, Address: ip, Count: 1, Since: at})
	}
}

func (a *audit) recordFailure(ctx context.Context, f loginguard.Failure) {
	detail := map[string]any{"count": f.Count}
	if f.Address != "" {
		detail["ip"] = f.Address
	} else {
		detail["ip"] = "many"
	}
	if f.Count > 1 {
		detail["since"] = f.Since
	}
	if err := a.store.Audit(ctx, now(), "", loginFailed, f.User, detail); err != nil {
		a.log.Warn().Err(err).Str("action", loginFailed).Msg("audit record is missing")
	}
}

// run writes down from time to time, and once more at the end, what
// failed too often to be recorded one by one.
func (a *audit) run(ctx context.Context) error {
	flush := func(ctx context.Context) {
		for _, f := range a.failures.Flush() {
			a.recordFailure(ctx, f)
		}
	}
	tick := time.NewTicker(failuresEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			flush(last)
			return nil
		}
	}
}

// sometime returns nil for no time.
func sometime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
