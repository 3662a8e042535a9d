package wasim

import (
	"context"
	"net/http"
	"time"
)

// accountView is an account in the control API.
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
}

// deviceView is a linked device in the control API.
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

func (a *Account) view() accountView {
	view := accountView{Number: a.Number(), Name: a.phone.PushName(), PN: a.pn.String(), LID: a.lid.String(), Devices: []deviceView{}}
	for _, device := range a.Devices() {
		view.Devices = append(view.Devices, device.view())
	}
	a.extras(&view)
	return view
}

func (d *Device) view() deviceView {
	return deviceView{
		Number: d.number, JID: d.JID().String(), LID: d.LID().String(), Connected: d.Connected(),
		Connection: d.ConnectionID(), Logins: d.Logins(), Pending: d.Pending(), Prekeys: d.Prekeys(),
	}
}

func (s *Server) controlAccounts(*http.Request) (int, any, error) {
	views := []accountView{}
	for _, account := range s.Accounts() {
		views = append(views, account.view())
	}
	return http.StatusOK, map[string]any{"accounts": views}, nil
}

func (s *Server) controlCreate(r *http.Request) (int, any, error) {
	var request struct {
		Number   string `json:"number"`
		Name     string `json:"name"`
		Contacts []struct {
			Number string `json:"number"`
			Name   string `json:"name"`
		} `json:"contacts"`
		Chats    int `json:"chats"`
		Messages int `json:"messages"`
	}
	if err := decode(r, &request); err != nil {
		return 0, nil, err
	}
	if request.Chats < 0 || request.Messages < 0 || request.Chats > 9999 {
		return 0, nil, wrongf("chats or messages out of range")
	}
	options := AccountOptions{Chats: request.Chats, Messages: request.Messages}
	for _, contact := range request.Contacts {
		options.Contacts = append(options.Contacts, Contact{Number: contact.Number, Name: contact.Name})
	}
	account, err := s.CreateAccount(request.Number, request.Name, options)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, account.view(), nil
}

func (s *Server) controlAccount(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, account.view(), nil
}

func (s *Server) controlDevices(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"devices": account.view().Devices}, nil
}

func (s *Server) controlScan(r *http.Request) (int, any, error) {
	var request struct {
		QR string `json:"qr"`
	}
	return s.controlPair(r, &request, func(ctx context.Context, a *Account) error { return a.ScanQR(ctx, request.QR) })
}

func (s *Server) controlCode(r *http.Request) (int, any, error) {
	var request struct {
		Code string `json:"code"`
	}
	return s.controlPair(r, &request, func(ctx context.Context, a *Account) error { return a.EnterCode(ctx, request.Code) })
}

func (s *Server) controlPair(r *http.Request, request any, pair func(context.Context, *Account) error) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	if err = decode(r, request); err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	if err = pair(ctx, account); err != nil {
		return 0, nil, err
	}
	device, err := account.pick(0)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, device.view(), nil
}

// pick is a device by number, the last one linked for 0.
func (a *Account) pick(number int) (*Device, error) {
	devices := a.Devices()
	if number == 0 && len(devices) > 0 {
		return devices[len(devices)-1], nil
	}
	for _, device := range devices {
		if int(device.number) == number {
			return device, nil
		}
	}
	return nil, &errControl{http.StatusNotFound, "no such device"}
}

func (s *Server) controlWait(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		Device  int    `json:"device"`
		For     string `json:"for"`
		Logins  int    `json:"logins"`
		Timeout string `json:"timeout"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	timeout, err := duration(request.Timeout, 30*time.Second)
	if err != nil {
		return 0, nil, err
	}
	device, err := account.pick(request.Device)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	switch request.For {
	case "settled":
		err = device.WaitSettled(ctx)
	case "connected":
		err = device.WaitConnected(ctx)
	case "disconnected":
		err = device.WaitDisconnected(ctx)
	case "logins":
		err = device.WaitLogins(ctx, request.Logins)
	default:
		err = wrongf("for: %q is not settled, connected, disconnected or logins", request.For)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, device.view(), nil
}
