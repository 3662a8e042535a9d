package linkpage

import (
	"context"
	"errors"
	"net/http"
	"time"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/loginguard"
	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// visit is a request of a page: the page and what it is for.
type visit struct {
	instance store.Instance
	page     store.LinkPage
	done     bool // the account is linked, and the page may still say so
}

var unknown = &fault.Error{Kind: fault.Unauthorized, Op: "linkpage.visit", Code: "unknown_link", Msg: "this link is not known; ask for a new one"}

// visit finds out which page asks. It fails with fault.Unauthorized for a token that
// opens nothing, and with status 410 for a page that has ended.
func (p *Pages) visit(ctx context.Context, authorization string) (visit, error) {
	token, _ := auth.Bearer(authorization)
	address := loginguard.Network(trace.Of(ctx).IP)
	if !credential.LooksLikeLink(token) {
		return visit{}, unknown
	}
	if p.limits.spent(unknowns, address) {
		return visit{}, p.limits.take(unknowns, address)
	}
	// Also a page that has ended, or is asked in a loop, costs the database little.
	if err := p.limits.take(tokens, string(credential.Hash(token))); err != nil {
		return visit{}, err
	}
	return p.find(ctx, token)
}

// find looks a token up, whatever was asked with it before.
func (p *Pages) find(ctx context.Context, token string) (visit, error) {
	in, page, linked, err := p.store.LinkPageByHash(ctx, credential.Hash(token))
	if fault.Is(err, fault.NotFound) {
		if err := p.limits.take(unknowns, loginguard.Network(trace.Of(ctx).IP)); err != nil {
			return visit{}, err
		}
		return visit{}, unknown
	}
	if err != nil {
		return visit{}, err
	}
	now := time.Now()
	trace.Of(ctx).Instance = in.ID
	if page.EndedAt == nil && linked {
		if err := p.end(ctx, &page, now); err != nil {
			return visit{}, err
		}
	}
	v := visit{instance: in, page: page, done: page.EndedBy == store.PageReady && now.Before(page.EndedAt.Add(grace))}
	return v, v.over(now)
}

// over says why the page is of no use any more; nil while it is.
func (v visit) over(now time.Time) error {
	switch {
	case v.done:
		return nil
	case v.page.EndedBy == store.PageReady:
		return gone("page_done", "the account is linked, so this page has ended")
	case v.page.EndedAt != nil:
		return gone("page_revoked", "this page was revoked; ask for a new link")
	case !now.Before(v.page.ExpiresAt):
		return gone("page_expired", "this page has expired; ask for a new link")
	}
	return nil
}

// end notes that the account is linked.
func (p *Pages) end(ctx context.Context, page *store.LinkPage, now time.Time) error {
	err := p.store.EndLinkPage(ctx, page.InstanceID, page.ID, store.PageReady, now)
	if err != nil {
		return err
	}
	page.EndedAt, page.EndedBy = &now, store.PageReady
	return nil
}

func gone(code, detail string) error {
	return &problem.Problem{Type: "about:blank", Status: http.StatusGone, Title: http.StatusText(http.StatusGone), Code: code, Detail: detail}
}

// acting finds out which page asks for something to be done, and counts that.
func (p *Pages) acting(ctx context.Context, authorization string, often pace) (visit, error) {
	v, err := p.visit(ctx, authorization)
	switch {
	case err != nil:
		return visit{}, err
	case v.done:
		return visit{}, gone("page_done", "the account is linked, so this page has ended")
	}
	return v, p.limits.take(often, v.page.ID)
}

// isGone reports whether the error says that a page has ended.
func isGone(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && p.Status == http.StatusGone
}
