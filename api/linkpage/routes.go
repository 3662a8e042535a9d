package linkpage

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api"
	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor"
)

const passkeyPath = "/api/link/passkey"

// PageToken is the part of an input that says which page asks.
type PageToken struct {
	Authorization string `header:"Authorization" doc:"Bearer and the token from the address of the page"`
}

type pageLookInput struct {
	PageToken
	After uint64 `query:"after" doc:"The version that the caller knows: the answer comes when there is another one"`
	Wait  string `query:"wait" maxLength:"20" default:"0s" doc:"How long to wait for a change, at most 30s" example:"30s"`
}

// PageContent is what a page shows.
type PageContent struct {
	Language    string               `json:"language,omitempty"`
	RedirectURL string               `json:"redirectUrl,omitempty"`
	Branding    *Branding            `json:"branding,omitempty"`
	ExpiresAt   time.Time            `json:"expiresAt" doc:"When the page ends"`
	Link        linking.LinkDocument `json:"link"`
}

type pageLookOutput struct {
	Body PageContent
}

type pageBeginInput struct {
	PageToken
	Body *struct {
		PhoneNumber string `json:"phoneNumber,omitempty" maxLength:"40" doc:"In international form: then the answer is a code to type on that phone. Left out: a QR code"`
	}
}

type pagePasskeyInput struct {
	PageToken
	Body json.RawMessage
}

type pageConfirmInput struct {
	PageToken
	Body struct {
		Matches bool `json:"matches" doc:"Whether the phone shows the same code"`
	}
}

func (p *Pages) pageRoutes(m *api.Mount) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Link page"}, DefaultStatus: status,
			Description: "For the page of `POST /api/instances/{id}/link/pages`, with its token as bearer. `401` for a token that opens nothing, `410` when the page has ended.",
		}
	}
	route.Add(m.Router, route.Public, op("page-look", http.MethodGet, "/api/link", "How far the linking has come", http.StatusOK),
		func(ctx context.Context, in *pageLookInput) (*pageLookOutput, error) {
			return p.look(ctx, m.Closing(), in)
		})
	route.Add(m.Router, route.Public, op("page-begin", http.MethodPost, "/api/link/begin", "Ask for a QR code, or a code to type on the phone", http.StatusNoContent), p.begin)
	route.Add(m.Router, route.Public, op("page-passkey", http.MethodPost, passkeyPath, "Give what the browser made of the passkey", http.StatusNoContent), p.passkey)
	route.Add(m.Router, route.Public, op("page-confirm", http.MethodPost, "/api/link/confirm", "Say whether the phone shows the same code", http.StatusNoContent), p.confirm)
	// The extension asks from an origin of its own, which differs from browser to browser.
	m.AnyOrigin(passkeyPath)
}

func (p *Pages) look(ctx context.Context, closing <-chan struct{}, in *pageLookInput) (*pageLookOutput, error) {
	wait, err := duration(in.Wait)
	if err != nil {
		return nil, err
	}
	v, err := p.visit(ctx, in.Authorization)
	if err != nil {
		return nil, err
	}
	if err := p.limits.take(looks, v.page.ID); err != nil {
		return nil, err
	}
	out := &pageLookOutput{Body: PageContent{
		Language: v.page.Language, RedirectURL: v.page.RedirectURL, Branding: brandOf(v.page), ExpiresAt: v.page.ExpiresAt,
	}}
	if v.done {
		out.Body.Link = linking.LinkDocument{Version: in.After, Step: linking.StepReady}
		return out, nil
	}
	doc, err := p.await(ctx, closing, v, in.After, wait)
	if err != nil {
		return nil, err
	}
	if wait > 0 { // who waited may not see it any more
		token, _ := auth.Bearer(in.Authorization)
		if again, err := p.find(ctx, token); isGone(err) || fault.Is(err, fault.Unauthorized) {
			return nil, err
		} else if err == nil && again.done {
			doc = linking.LinkDocument{Version: doc.Version, Step: linking.StepReady}
		}
	}
	if doc.Step == linking.StepReady {
		if err := p.end(ctx, &v.page, time.Now()); err != nil {
			return nil, err
		}
	}
	out.Body.Link = doc
	return out, nil
}

// await returns the document when it has changed, wait is over, the page is revoked,
// or the server ends.
func (p *Pages) await(ctx context.Context, closing <-chan struct{}, v visit, after uint64, wait time.Duration) (linking.LinkDocument, error) {
	if wait == 0 {
		return p.flow.View(ctx, v.instance.ID, after, 0)
	}
	revoked, leave, err := p.limits.wait(v.page.ID)
	if err != nil {
		return linking.LinkDocument{}, err
	}
	defer leave()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-closing:
		case <-revoked:
		case <-waiting.Done():
		}
		cancel()
	}()
	doc, err := p.flow.View(waiting, v.instance.ID, after, min(wait, time.Until(v.page.ExpiresAt)))
	interrupted := waiting.Err() != nil && ctx.Err() == nil
	cancel()
	<-ended
	if err != nil && interrupted {
		return p.flow.View(ctx, v.instance.ID, after, 0)
	}
	return doc, err
}

func (p *Pages) begin(ctx context.Context, in *pageBeginInput) (*route.NoContent, error) {
	number := ""
	if in.Body != nil {
		number = in.Body.PhoneNumber
	}
	v, err := p.acting(ctx, in.Authorization, begins)
	if err != nil {
		return nil, err
	}
	if v.instance.Desired != supervisor.Run { // starting it is for its owner
		return nil, fault.New(fault.Stopped, "linkpage.begin", "the account is switched off; ask whoever sent you this link to start it")
	}
	if number != "" {
		if err := p.limits.take(numbers, string(v.instance.ID)); err != nil {
			return nil, err
		}
	}
	return done(p.flow.Begin(ctx, v.instance.ID, number))
}

func (p *Pages) passkey(ctx context.Context, in *pagePasskeyInput) (*route.NoContent, error) {
	v, err := p.acting(ctx, in.Authorization, acts)
	if err != nil {
		return nil, err
	}
	return done(p.flow.Passkey(ctx, v.instance.ID, in.Body))
}

func (p *Pages) confirm(ctx context.Context, in *pageConfirmInput) (*route.NoContent, error) {
	v, err := p.acting(ctx, in.Authorization, acts)
	if err != nil {
		return nil, err
	}
	return done(p.flow.Confirm(ctx, v.instance.ID, in.Body.Matches))
}

// done answers for what the page sees soon itself.
func done(_ linking.LinkDocument, err error) (*route.NoContent, error) {
	if err != nil {
		return nil, err
	}
	return route.Done, nil
}

// duration reads 30s as well as 30.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, plain := strconv.Atoi(text); plain == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d < 0 || d > longestWait {
		return 0, fault.Bad("linkpage.look", "wait", "wait must be a time from 0s to 30s")
	}
	return d, nil
}
