package wasim

import (
	"net/http"
	"time"
)

// typingView, callView and linkView are what an account got or asked for, in
// the control API.
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

func (a *Account) extras(view *accountView) {
	for _, t := range a.Typing() {
		view.Typing = append(view.Typing, typingView{t.Chat.String(), t.From.String(), t.State, t.Media})
	}
	for _, c := range a.Calls() {
		view.Calls = append(view.Calls, callView{c.CallID, c.From.Number(), c.Kind})
	}
	for _, l := range a.CallLinks() {
		view.Links = append(view.Links, linkView(l))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	view.Online = a.online > 0
}

func (s *Server) controlRing(r *http.Request) (int, any, error) {
	caller, err := s.named(r.PathValue("number"))
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		To    string `json:"to"`
		Video bool   `json:"video"`
	}
	if err := decode(r, &request); err != nil {
		return 0, nil, err
	}
	to, err := s.named(request.To)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"id": caller.Ring(to, request.Video)}, nil
}

func (s *Server) controlShop(r *http.Request) (int, any, error) {
	account, err := s.named(r.PathValue("number"))
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		Products []Product `json:"products"`
		Orders   []Order   `json:"orders"`
	}
	if err := decode(r, &request); err != nil {
		return 0, nil, err
	}
	if request.Products != nil {
		account.SetCatalogue(request.Products...)
	}
	for _, o := range request.Orders {
		if o.At.IsZero() {
			o.At = time.Now()
		}
		account.AddOrder(o)
	}
	return http.StatusOK, map[string]any{}, nil
}
