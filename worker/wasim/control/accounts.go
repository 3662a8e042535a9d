package control

import (
	"context"
	"net/http"
	"time"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/user"
)

// accountView is an account as the control API shows it.
type accountView struct {
	Number  string       `json:"number"`
	Name    string       `json:"name"`
	PN      string       `json:"pn"`
	LID     string       `json:"lid"`
	Devices []deviceView `json:"devices"`
	Online  bool         `json:"online"`
	Typing  []typingView `json:"typing"`
	Calls   []callView   `json:"calls"`
	Links   []linkView   `json:"links"`
	Passkey bool         `json:"passkey"`
	// Username is left out for an account without one.
	Username string `json:"username,omitempty"`
}

// deviceView is a linked device as the control API shows it.
type deviceView struct {
	Number     uint16 `json:"number"`
	JID        string `json:"jid"`
	LID        string `json:"lid"`
	Connected  bool   `json:"connected"`
	Connection uint64 `json:"connection"`
	Logins     int    `json:"logins"`
	Pending    int    `json:"pending"`
	Prekeys    int    `json:"prekeys"`
}

// typingView, callView and linkView are what an account got or asked for.
type (
	typingView struct {
		Chat  string `json:"chat"`
		From  string `json:"from"`
		State string `json:"state"`
		Media string `json:"media,omitempty"`
	}
	callView struct {
		ID   string `json:"id"`
		From string `json:"from"`
		Kind string `json:"kind"`
	}
	linkView struct {
		Token string    `json:"token"`
		Media string    `json:"media"`
		Start time.Time `json:"start"`
	}
)

func viewAccount(account *wasim.Account) accountView {
	view := accountView{
		Number: account.Number(), Name: account.Phone().PushName(), PN: account.PN().String(), LID: account.LID().String(),
		Devices: []deviceView{}, Online: account.Online(), Username: account.Username().Name,
	}
	_, view.Passkey = account.Passkey()
	for _, device := range account.Devices() {
		view.Devices = append(view.Devices, viewDevice(device))
	}
	for _, t := range account.Typing() {
		view.Typing = append(view.Typing, typingView{t.Chat.String(), t.From.String(), t.State, t.Media})
	}
	for _, c := range account.Calls() {
		view.Calls = append(view.Calls, callView{c.CallID, c.From.Number(), c.Kind})
	}
	for _, l := range account.CallLinks() {
		view.Links = append(view.Links, linkView(l))
	}
	return view
}

func viewDevice(d *wasim.Device) deviceView {
	return deviceView{
		Number: d.Number(), JID: d.JID().String(), LID: d.LID().String(), Connected: d.Connected(),
		Connection: d.ConnectionID(), Logins: d.Logins(), Pending: d.Pending(), Prekeys: d.Prekeys(),
	}
}

func (a *api) accounts(*http.Request) (reply, error) {
	views := []accountView{}
	for _, account := range a.server.Accounts() {
		views = append(views, viewAccount(account))
	}
	return ok(object{"accounts": views}), nil
}

type newAccount struct {
	Number   string          `json:"number"`
	Name     string          `json:"name"`
	Contacts []newContact    `json:"contacts"`
	Chats    int             `json:"chats"`
	Messages int             `json:"messages"`
	Passkey  *passkeyRequest `json:"passkey"`
	Username usernameBody    `json:"username"`
}

type newContact struct {
	Number   string `json:"number"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

type usernameBody struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

func (a *api) setUsername(_ context.Context, account *wasim.Account, wanted usernameBody) (reply, error) {
	if err := account.SetUsername(user.Username(wanted)); err != nil {
		return reply{}, err
	}
	return ok(viewAccount(account)), nil
}

type timerBody struct {
	Seconds int64 `json:"seconds"`
}

func (a *api) setDefaultTimer(_ context.Context, account *wasim.Account, wanted timerBody) (reply, error) {
	if wanted.Seconds < 0 {
		return reply{}, badRequest("seconds are less than 0")
	}
	account.SetDefaultTimer(wanted.Seconds)
	return ok(viewAccount(account)), nil
}

func (a *api) createAccount(_ *http.Request, wanted newAccount) (reply, error) {
	if wanted.Chats < 0 || wanted.Messages < 0 || wanted.Chats > 9999 {
		return reply{}, badRequest("chats or messages out of range")
	}
	options := wasim.AccountOptions{
		Chats: wanted.Chats, Messages: wanted.Messages, Username: user.Username(wanted.Username),
	}
	for _, contact := range wanted.Contacts {
		options.Contacts = append(options.Contacts, wasim.Contact(contact))
	}
	if wanted.Passkey != nil {
		demand, err := wanted.Passkey.demand()
		if err != nil {
			return reply{}, err
		}
		options.Passkey = &demand
	}
	account, err := a.server.CreateAccount(wanted.Number, wanted.Name, options)
	if err != nil {
		return reply{}, err
	}
	return created(viewAccount(account)), nil
}

func (a *api) account(r *http.Request) (reply, error) {
	account, err := a.find(r.PathValue("number"))
	if err != nil {
		return reply{}, err
	}
	return ok(viewAccount(account)), nil
}

func (a *api) devices(r *http.Request) (reply, error) {
	account, err := a.find(r.PathValue("number"))
	if err != nil {
		return reply{}, err
	}
	return ok(object{"devices": viewAccount(account).Devices}), nil
}
