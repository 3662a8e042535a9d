package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// stage plays the people of a demo: it uses the API as an integrator would, and
// the simulator for the phones.
type stage struct {
	base, email, password string
	token                 string
	sim                   *wasim.Server
}

type actor struct {
	account *wasim.Account
	id, key string
}

var cast = []struct{ name, number string }{
	{"Anna's bakery", "15550100001"}, {"Support desk", "15550100002"}, {"Ben", "15550100003"},
}

func (s *stage) play(ctx context.Context) error {
	if err := s.login(ctx); err != nil {
		return err
	}
	customer, err := s.sim.CreateAccount("15550100099", "Clara (customer)", wasim.AccountOptions{})
	if err != nil {
		return err
	}
	customer.Phone().AutoRead(true)
	actors := make([]*actor, len(cast))
	var pairing errgroup.Group
	for i, role := range cast {
		account, err := s.sim.CreateAccount(role.number, role.name, wasim.AccountOptions{Chats: 4, Messages: 8})
		if err != nil {
			return err
		}
		actors[i] = &actor{account: account}
		pairing.Go(func() error { return s.pair(ctx, actors[i], role.name) })
	}
	if err := pairing.Wait(); err != nil {
		return err
	}
	customer.Phone().AutoReply(func(r phone.Received) string { return "You wrote: " + r.Text })
	s.announce(actors[0], customer)
	return s.chat(ctx, actors, customer)
}

func (s *stage) login(ctx context.Context) error {
	var out struct {
		Tokens struct {
			AccessToken string `json:"accessToken"`
		} `json:"tokens"`
	}
	if err := s.call(ctx, http.MethodPost, "/api/auth/login", map[string]string{"email": s.email, "password": s.password}, &out); err != nil {
		return err
	}
	s.token = out.Tokens.AccessToken
	return nil
}

// pair creates and starts an instance and lets the phone scan its code.
func (s *stage) pair(ctx context.Context, a *actor, name string) error {
	var made struct {
		Instance struct {
			ID string `json:"id"`
		} `json:"instance"`
		APIKey string `json:"apiKey"`
	}
	if err := s.call(ctx, http.MethodPost, "/api/instances", map[string]any{"name": name}, &made); err != nil {
		return err
	}
	a.id, a.key = made.Instance.ID, made.APIKey
	if err := s.call(ctx, http.MethodPost, "/api/instances/"+a.id+"/start", nil, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var shown struct {
		QR string `json:"qr"`
	}
	if err := s.until(ctx, func() bool {
		return s.call(ctx, http.MethodGet, "/api/instances/"+a.id+"/qr", nil, &shown) == nil && shown.QR != ""
	}); err != nil {
		return fmt.Errorf("no QR code for %s: %w", name, err)
	}
	if err := a.account.ScanQR(ctx, shown.QR); err != nil {
		return fmt.Errorf("pair %s: %w", name, err)
	}
	var now struct {
		Instance struct {
			Status string `json:"status"`
		} `json:"instance"`
	}
	return s.until(ctx, func() bool {
		return s.call(ctx, http.MethodGet, "/api/instances/"+a.id, nil, &now) == nil && now.Instance.Status == "ready"
	})
}

func (s *stage) until(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (s *stage) announce(a *actor, customer *wasim.Account) {
	fmt.Fprintf(stdout, `
  %d accounts are paired with a simulated WhatsApp and chat. Ctrl-C ends everything.

  API      %s      documentation: %s/docs
  Login    %s  %s
  API key  %s

  Send a message, read the newest chats, and watch the events come in:

curl -s %s/api/proxy/%s/sendMessage -H 'Content-Type: application/json' -d '{"params":["%s@c.us","Hello from the API"]}'
curl -s %s/api/proxy/%s/getChats
curl -sN %s/api/instances/%s/events -H 'Accept: text/event-stream' -H 'X-API-Key: %s'

`, len(cast), s.base, s.base, s.email, s.password, a.key, s.base, a.key, customer.Number(), s.base, a.key, s.base, a.id, a.key)
}

var lines = []string{
	"Good morning!", "Is my order ready?", "Yes, it is waiting for you.", "Great, I will come at ten.", "See you then.", "Do you have rye bread today?",
}

// chat lets the people talk until ctx ends.
func (s *stage) chat(ctx context.Context, actors []*actor, customer *wasim.Account) error {
	pace := time.NewTicker(3 * time.Second)
	defer pace.Stop()
	for i := 0; ; i++ {
		from, to := actors[i%len(actors)], actors[(i+1)%len(actors)]
		body := map[string]any{"params": []string{to.account.Number() + "@c.us", lines[i%len(lines)]}}
		if err := s.call(ctx, http.MethodPost, "/api/proxy/"+from.key+"/sendMessage", body, nil); err != nil && ctx.Err() == nil {
			fmt.Fprintln(stderr, "demo:", err)
		}
		if _, err := customer.Phone().SendText(ctx, from.account.PN(), lines[(i+1)%len(lines)]); err != nil && ctx.Err() == nil {
			fmt.Fprintln(stderr, "demo: customer:", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

// call asks the API; an answer other than 2xx is an error.
func (s *stage) call(ctx context.Context, method, path string, in, out any) error {
	var reader io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the API answered %s: %.200s", resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
