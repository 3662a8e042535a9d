package control

import (
	"context"
	"net/http"
	"time"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/passkey"
)

// passkeyRequest is how an account shall demand a passkey.
type passkeyRequest struct {
	Credential     *passkey.Credential `json:"credential"`
	ListCredential bool                `json:"listCredential"`
	OmitOptions    bool                `json:"omitOptions"`
	AlwaysConfirm  bool                `json:"alwaysConfirm"`
	Lifetime       string              `json:"lifetime"`
	ProofLifetime  string              `json:"proofLifetime"`
}

func (p passkeyRequest) demand() (passkey.Demand, error) {
	d := passkey.Demand{
		ListCredential: p.ListCredential, OmitOptions: p.OmitOptions, AlwaysConfirm: p.AlwaysConfirm,
	}
	if p.Credential != nil {
		d.Credential = *p.Credential
		if len(d.Credential.ID) == 0 { // nothing at all would mean a new one
			return d, badRequest("credential: credentialId is missing")
		}
	}
	var err error
	if d.Lifetime, err = duration(p.Lifetime, 0); err != nil {
		return d, err
	}
	d.ProofLifetime, err = duration(p.ProofLifetime, 0)
	return d, err
}

// passkeyView is an account's demand as the control API shows it, with its secrets:
// whoever tests with the account needs them for an authenticator.
type passkeyView struct {
	Credential     credentialView `json:"credential"`
	PublicKey      []byte         `json:"publicKey"`
	ListCredential bool           `json:"listCredential"`
	OmitOptions    bool           `json:"omitOptions"`
	AlwaysConfirm  bool           `json:"alwaysConfirm"`
	Lifetime       string         `json:"lifetime"`
	ProofLifetime  string         `json:"proofLifetime"`
}

// credentialView is a credential in the form that Chromium's WebAuthn.addCredential
// takes.
type credentialView struct {
	passkey.Credential
	RPID     string `json:"rpId"`
	Resident bool   `json:"isResidentCredential"`
	Count    int    `json:"signCount"`
}

// ceremonyView is one ceremony as the control API shows it.
type ceremonyView struct {
	Step     passkey.Step `json:"step"`
	Code     string       `json:"code,omitempty"`
	Proved   bool         `json:"proved"`
	Confirm  bool         `json:"confirm"`
	Sent     bool         `json:"sent"`
	Refusal  string       `json:"refusal,omitempty"`
	Deadline time.Time    `json:"deadline"`
	Error    string       `json:"error,omitempty"`
}

func viewPasskey(d passkey.Demand) (*passkeyView, error) {
	public, err := d.Credential.PublicKey()
	if err != nil {
		return nil, err
	}
	return &passkeyView{
		Credential: credentialView{Credential: d.Credential, RPID: passkey.RPID, Resident: true}, PublicKey: public,
		ListCredential: d.ListCredential, OmitOptions: d.OmitOptions, AlwaysConfirm: d.AlwaysConfirm,
		Lifetime: d.Lifetime.String(), ProofLifetime: d.ProofLifetime.String(),
	}, nil
}

func viewCeremonies(account *wasim.Account) []ceremonyView {
	views := []ceremonyView{}
	for _, ceremony := range account.Ceremonies() {
		s := ceremony.Status()
		view := ceremonyView{s.Step, s.Code, s.Proved, s.Confirm, s.Sent, s.Refusal, s.Deadline, ""}
		if s.Err != nil {
			view.Error = s.Err.Error()
		}
		views = append(views, view)
	}
	return views
}

// answerPasskey shows what an account demands, null for nothing, and its ceremonies.
func answerPasskey(account *wasim.Account) (reply, error) {
	var demanded *passkeyView
	if demand, ok := account.Passkey(); ok {
		var err error
		if demanded, err = viewPasskey(demand); err != nil {
			return reply{}, err
		}
	}
	return ok(object{"passkey": demanded, "ceremonies": viewCeremonies(account)}), nil
}

func (a *api) passkey(r *http.Request) (reply, error) {
	account, err := a.find(r.PathValue("number"))
	if err != nil {
		return reply{}, err
	}
	wait, err := duration(r.URL.Query().Get("wait"), 0)
	if err != nil {
		return reply{}, err
	}
	step := passkey.Step(r.URL.Query().Get("step"))
	if all := account.Ceremonies(); len(all) > 0 && step != "" && wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		// Whatever ended the wait, the answer shows it.
		_, _ = all[len(all)-1].Until(ctx, func(s passkey.Status) bool { return s.Step == step })
	}
	return answerPasskey(account)
}

func (a *api) demandPasskey(_ context.Context, account *wasim.Account, request passkeyRequest) (reply, error) {
	demand, err := request.demand()
	if err != nil {
		return reply{}, err
	}
	if _, err = account.DemandPasskey(demand); err != nil {
		return reply{}, err
	}
	return answerPasskey(account)
}

func (a *api) dropPasskey(r *http.Request) (reply, error) {
	account, err := a.find(r.PathValue("number"))
	if err != nil {
		return reply{}, err
	}
	account.DropPasskey()
	return answerPasskey(account)
}

type confirmRequest struct {
	Code string `json:"code"`
}

func (a *api) confirmCode(_ context.Context, account *wasim.Account, request confirmRequest) (reply, error) {
	if err := account.ConfirmCode(request.Code); err != nil {
		return reply{}, err
	}
	return answerPasskey(account)
}

func (a *api) rejectLinking(_ context.Context, account *wasim.Account, _ struct{}) (reply, error) {
	if err := account.RejectLinking(); err != nil {
		return reply{}, err
	}
	return answerPasskey(account)
}

func (a *api) expireLinking(_ context.Context, account *wasim.Account, _ struct{}) (reply, error) {
	if err := account.ExpireLinking(); err != nil {
		return reply{}, err
	}
	return answerPasskey(account)
}
