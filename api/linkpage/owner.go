package linkpage

import (
	"cmp"
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"whatsapp-manager/api"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor/store"
)

// Branding is whose page it is, as the person sees it.
type Branding struct {
	Name string `json:"name,omitempty" maxLength:"80" doc:"Shown above the page" example:"Example Ltd"`
	Logo string `json:"logo,omitempty" maxLength:"90000" doc:"An https:// address, or a picture of at most 64 KiB as data:image/png;base64,… (also jpeg and webp)"`
}

// PageView is a link page as lists show one.
type PageView struct {
	ID          string     `json:"id"`
	Status      string     `json:"status" enum:"open,expired,revoked,done" doc:"done: the account is linked"`
	Language    string     `json:"language,omitempty" doc:"Absent: the language of the browser"`
	RedirectURL string     `json:"redirectUrl,omitempty"`
	Branding    *Branding  `json:"branding,omitempty"`
	CreatedAt   time.Time  `json:"createdAt"`
	ExpiresAt   time.Time  `json:"expiresAt"`
	EndedAt     *time.Time `json:"endedAt,omitempty"`
}

func viewOf(p store.LinkPage, now time.Time) PageView {
	v := PageView{
		ID: p.ID, Status: "open", Language: p.Language, RedirectURL: p.RedirectURL, Branding: brandOf(p),
		CreatedAt: p.CreatedAt, ExpiresAt: p.ExpiresAt, EndedAt: p.EndedAt,
	}
	switch {
	case p.EndedBy == store.PageReady:
		v.Status = "done"
	case p.EndedBy != "":
		v.Status = "revoked"
	case !now.Before(p.ExpiresAt):
		v.Status = "expired"
	}
	return v
}

func brandOf(p store.LinkPage) *Branding {
	if p.BrandName == "" && p.BrandLogo == "" {
		return nil
	}
	return &Branding{Name: p.BrandName, Logo: p.BrandLogo}
}

type pageCreateInput struct {
	route.InstancePath
	Body *struct {
		ExpiresIn   int       `json:"expiresIn,omitempty" minimum:"60" maximum:"604800" default:"3600" doc:"Seconds until the page ends: a minute to a week"`
		Language    string    `json:"language,omitempty" enum:"en,de,es,pt" doc:"Left out: the language of the browser"`
		RedirectURL string    `json:"redirectUrl,omitempty" maxLength:"2000" doc:"An https:// address to which the page leads when the account is linked"`
		Branding    *Branding `json:"branding,omitempty"`
	}

	asked string // the server's address, as the caller has asked it
}

// Resolve is asked by huma.
func (in *pageCreateInput) Resolve(hc huma.Context) []error {
	c := humaecho.Unwrap(hc)
	in.asked = c.Scheme() + "://" + c.Request().Host
	return nil
}

type pageCreateOutput struct {
	Body struct {
		Page struct {
			PageView
			URL string `json:"url" doc:"Give it to the person with the phone. Shown only this once." example:"https://wa.example.org/link/#lnk_…"`
		} `json:"page"`
	}
}

type pageListOutput struct {
	Body struct {
		Pages []PageView `json:"pages"`
	}
}

type pageRevokeInput struct {
	route.InstancePath
	PageID string `path:"pageId" maxLength:"40"`
}

func (p *Pages) create(ctx context.Context, m *api.Mount, in *pageCreateInput) (*pageCreateOutput, error) {
	const op = "linkpage.create"
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	page := store.LinkPage{ID: ident.New(), InstanceID: row.ID, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	lives := time.Hour
	if b := in.Body; b != nil {
		lives = time.Duration(cmp.Or(b.ExpiresIn, 3600)) * time.Second
		page.Language, page.RedirectURL = b.Language, b.RedirectURL
		if b.Branding != nil {
			page.BrandName, page.BrandLogo = b.Branding.Name, b.Branding.Logo
		}
	}
	if err := check(page); err != nil {
		return nil, err
	}
	linked := &fault.Error{Kind: fault.Conflict, Op: op, Code: "already_paired", Msg: "the account is linked already; log out first"}
	if row.DeviceJID != "" { // also of one that is stopped, whose document says idle
		return nil, linked
	}
	doc, err := p.flow.View(ctx, row.ID, 0, 0)
	if err != nil {
		return nil, err
	}
	if doc.Step == linking.StepReady {
		return nil, linked
	}
	token := credential.NewLink()
	page.CreatedByKey, page.CreatedByUser = m.Maker(ctx)
	page.Hash, page.ExpiresAt = credential.Hash(token), page.CreatedAt.Add(lives)
	if err := p.store.InsertLinkPage(ctx, page, most); err != nil {
		return nil, err
	}
	m.Audit(ctx, "linkpage.create", string(row.ID), map[string]any{"page": page.ID})
	out := &pageCreateOutput{}
	out.Body.Page.PageView = viewOf(page, page.CreatedAt)
	out.Body.Page.URL = cmp.Or(p.publicURL, in.asked) + "/link/#" + token
	return out, nil
}

func (p *Pages) list(ctx context.Context, m *api.Mount, in *route.InstancePath) (*pageListOutput, error) {
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	pages, err := p.store.LinkPages(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	out := &pageListOutput{}
	out.Body.Pages = make([]PageView, len(pages))
	for i, page := range pages {
		out.Body.Pages[i] = viewOf(page, time.Now())
	}
	return out, nil
}

func (p *Pages) revoke(ctx context.Context, m *api.Mount, in *pageRevokeInput) (*route.NoContent, error) {
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	absent := fault.New(fault.NotFound, "linkpage.revoke", "there is no such link page")
	if !ident.Is(in.PageID) {
		return nil, absent
	}
	err = p.store.EndLinkPage(ctx, row.ID, in.PageID, store.PageRevoked, time.Now())
	if fault.Is(err, fault.NotFound) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	p.limits.wake(in.PageID)
	m.Audit(ctx, "linkpage.revoke", string(row.ID), map[string]any{"page": in.PageID})
	return route.Done, nil
}
