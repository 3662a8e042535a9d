package linkpage

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	// most is how many pages of an instance may be open at a time.
	most = 10
	// grace is how long a page still shows that the account is linked.
	grace = 2 * time.Minute
	// longestWait is how long a page waits for a change before it asks again.
	longestWait = 30 * time.Second
)

// Store is what the package needs of the database; *store.Store is one.
type Store interface {
	InsertLinkPage(ctx context.Context, p store.LinkPage, most int) error
	LinkPages(ctx context.Context, instance supervisor.ID) ([]store.LinkPage, error)
	LinkPageByHash(ctx context.Context, hash []byte) (in store.Instance, p store.LinkPage, linked bool, err error)
	EndLinkPage(ctx context.Context, instance supervisor.ID, id, why string, now time.Time) error
}

// Flow links accounts; *linking.Service of package api/linking is one. Its errors are
// faults.
type Flow interface {
	// View returns how far the linking has come: at once when after is zero or another
	// version, and otherwise when it changes or wait is over.
	View(ctx context.Context, id supervisor.ID, after uint64, wait time.Duration) (linking.LinkDocument, error)
	// Begin begins with a QR code, or with a code for the phone with that number.
	Begin(ctx context.Context, id supervisor.ID, phoneNumber string) (linking.LinkDocument, error)
	// Passkey hands on what a browser made of the passkey: an AuthenticationResponseJSON.
	Passkey(ctx context.Context, id supervisor.ID, response json.RawMessage) (linking.LinkDocument, error)
	// Confirm says whether the phone shows the same code.
	Confirm(ctx context.Context, id supervisor.ID, matches bool) (linking.LinkDocument, error)
}

// Pages makes link pages and answers them. Safe for use at the same time.
type Pages struct {
	store     Store
	flow      Flow
	publicURL string
	limits    *limits
}

// New returns the link pages of a server that is reached at publicURL; when that is
// empty, the address of a page begins with the host that its maker has asked.
func New(st Store, flow Flow, publicURL string) *Pages {
	return &Pages{store: st, flow: flow, publicURL: strings.TrimSuffix(publicURL, "/"), limits: newLimits()}
}

// Routes adds the routes of owners, those of pages, and the page itself.
func Routes(p *Pages) func(*api.Mount) {
	return func(m *api.Mount) {
		p.ownerRoutes(m)
		p.pageRoutes(m)
		assetRoutes(m.Echo())
	}
}

func (p *Pages) ownerRoutes(m *api.Mount) {
	op := func(id, method, path, summary, description string, status int) huma.Operation {
		o := route.OfInstance(id, method, "/{id}/link/pages"+path, summary, status)
		o.Description, o.Tags = description, []string{"Linking"}
		return o
	}
	route.Add(m.Router, route.OwnInstance, op("create-link-page", http.MethodPost, "", "Make a page on which somebody links the account",
		"The answer has the address of the page, which is shown only this once. Whoever opens it needs no login: they scan the QR code or type the code, answer the passkey and compare the codes, for this one account. The page ends when it expires, is revoked, or the account is linked. `409` when the account is linked already or ten pages are open, `429` when a hundred were made within a day.",
		http.StatusCreated), func(ctx context.Context, in *pageCreateInput) (*pageCreateOutput, error) { return p.create(ctx, m, in) })
	route.Add(m.Router, route.OwnInstance, op("list-link-pages", http.MethodGet, "", "List the link pages of an instance",
		"The newest hundred. Pages that ended within the last day are among them. The address of a page and its logo are not.",
		http.StatusOK), func(ctx context.Context, in *route.InstancePath) (*pageListOutput, error) { return p.list(ctx, m, in) })
	route.Add(m.Router, route.OwnInstance, op("revoke-link-page", http.MethodDelete, "/{pageId}", "Revoke a link page; it stops working at once", "",
		http.StatusNoContent), func(ctx context.Context, in *pageRevokeInput) (*route.NoContent, error) { return p.revoke(ctx, m, in) })
}
