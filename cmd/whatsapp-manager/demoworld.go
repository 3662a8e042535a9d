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

	"whatsapp-manager/worker/wasim/client"
)

// demoWorld plays the people of a demo: it uses the API as an integrator would,
// and the simulator for the phones.
type demoWorld struct {
	base, email, password string
	token                 string
	sim                   *client.Client
}

// resident is an account with an instance of the demo.
type resident struct {
	name, number string
	id, key      string // of the instance
}

// customer is an account without an instance, who writes to the others.
const customer = "15550100099"

func (w *demoWorld) run(ctx context.Context) error {
	if err := w.login(ctx); err != nil {
		return err
	}
	if err := w.sim.CreateAccount(ctx, client.Account{Number: customer, Name: "Clara (customer)"}); err != nil {
		return err
	}
	if err := w.sim.SetAutomatic(ctx, customer, client.Automatic{Read: true}); err != nil {
		return err
	}
	residents := []*resident{
		{name: "Anna's bakery", number: "15550100001"},
		{name: "Support desk", number: "15550100002"},
		{name: "Ben", number: "15550100003"},
	}
	var pairing errgroup.Group
	for _, r := range residents {
		pairing.Go(func() error { return w.pair(ctx, r) })
	}
	if err := pairing.Wait(); err != nil {
		return err
	}
	if err := w.sim.SetAutomatic(ctx, customer, client.Automatic{Read: true, Reply: "You wrote: %s"}); err != nil {
		return err
	}
	w.announce(residents)
	return w.chat(ctx, residents)
}

func (w *demoWorld) login(ctx context.Context) error {
	var out struct {
		Tokens struct {
			AccessToken string `json:"accessToken"`
		} `json:"tokens"`
	}
	if err := w.call(ctx, http.MethodPost, "/api/auth/login", map[string]string{
		"email":    w.email,
		"password": w.password,
	}, &out); err != nil {
		return err
	}
	w.token = out.Tokens.AccessToken
	return nil
}

// pair creates the account and its instance, and lets the phone scan the code.
func (w *demoWorld) pair(ctx context.Context, r *resident) error {
	if err := w.sim.CreateAccount(ctx, client.Account{Number: r.number, Name: r.name, Chats: 4, Messages: 8}); err != nil {
		return err
	}
	var made struct {
		Instance struct {
			ID string `json:"id"`
		} `json:"instance"`
		APIKey string `json:"apiKey"`
	}
	if err := w.call(ctx, http.MethodPost, "/api/instances", map[string]any{"name": r.name}, &made); err != nil {
		return err
	}
	r.id, r.key = made.Instance.ID, made.APIKey
	if err := w.call(ctx, http.MethodPost, "/api/instances/"+r.id+"/start", nil, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var shown struct {
		QR string `json:"qr"`
	}
	if err := w.until(ctx, func() bool {
		return w.call(ctx, http.MethodGet, "/api/instances/"+r.id+"/qr", nil, &shown) == nil && shown.QR != ""
	}); err != nil {
		return fmt.Errorf("no QR code for %s: %w", r.name, err)
	}
	if err := w.sim.ScanQR(ctx, r.number, shown.QR); err != nil {
		return fmt.Errorf("pair %s: %w", r.name, err)
	}
	var now struct {
		Instance struct {
			Status string `json:"status"`
		} `json:"instance"`
	}
	return w.until(ctx, func() bool {
		return w.call(ctx, http.MethodGet, "/api/instances/"+r.id, nil, &now) == nil && now.Instance.Status == "ready"
	})
}

func (w *demoWorld) until(ctx context.Context, ok func() bool) error {
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

func (w *demoWorld) announce(residents []*resident) {
	first := residents[0]
	fmt.Fprintf(stdout, `
  %d accounts are paired with a simulated WhatsApp and chat. Ctrl-C ends everything.

  API      %s      documentation: %s/docs
  Login    %s  %s
  API key  %s
  Phones   %s      what they can send: deploy/docs/simulator.md

  Send a message, read the newest chats, and watch the events come in:

curl -s %s/api/proxy/%s/sendMessage -H 'Content-Type: application/json' -d '{"params":["%s@c.us","Hello from the API"]}'
curl -s %s/api/proxy/%s/getChats
curl -sN %s/api/instances/%s/events -H 'Accept: text/event-stream' -H 'X-API-Key: %s'

`, len(residents), w.base, w.base, w.email, w.password, first.key, w.sim.Address(),
		w.base, first.key, customer, w.base, first.key, w.base, first.id, first.key)
}

var lines = []string{
	"Good morning!", "Is my order ready?", "Yes, it is waiting for you.", "Great, I will come at ten.", "See you then.",
	"Do you have rye bread today?",
}

// chat lets the people talk until ctx ends.
func (w *demoWorld) chat(ctx context.Context, residents []*resident) error {
	pace := time.NewTicker(3 * time.Second)
	defer pace.Stop()
	for i := 0; ; i++ {
		from, to := residents[i%len(residents)], residents[(i+1)%len(residents)]
		body := map[string]any{"params": []string{to.number + "@c.us", lines[i%len(lines)]}}
		if err := w.call(ctx, http.MethodPost, "/api/proxy/"+from.key+"/sendMessage", body,
			nil); err != nil && ctx.Err() == nil {
			fmt.Fprintln(stderr, "demo:", err)
		}
		if err := w.sim.Send(ctx, customer, from.number, lines[(i+1)%len(lines)]); err != nil && ctx.Err() == nil {
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
func (w *demoWorld) call(ctx context.Context, method, path string, in, out any) error {
	var reader io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
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
