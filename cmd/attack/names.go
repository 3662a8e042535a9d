package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// guess tries one wrong password after the other on one account, each from the
// next of 40 addresses, and counts how often the password was looked at.
func guess(ctx context.Context, l *attackLab) ([]row, error) {
	u, err := l.user(ctx, "guessed")
	if err != nil {
		return nil, err
	}
	guesses := 200
	if l.o.short {
		guesses = 120
	}
	const addresses = 40
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	var looked, slowed, other atomic.Int64
	var all sync.WaitGroup
	places := make(chan struct{}, addresses)
	for i := range guesses {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			a, err := from(ctx, l, fmt.Sprintf("203.0.113.%d", 1+i%addresses), http.MethodPost, "/api/auth/login",
				fmt.Sprintf(`{"email":%q,"password":"wrong guess %d"}`, u.email, i))
			switch {
			case err != nil:
				other.Add(1)
			case a.Status == http.StatusUnauthorized:
				looked.Add(1)
			case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
				slowed.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	all.Wait()
	rows := []row{held(fmt.Sprintf("%d guesses at one account from %d addresses", guesses,
		addresses), "at most 30 are looked at",
		looked.Load() <= 30 && slowed.Load() > 0, "%d looked at, %d slowed, %d else in %s", looked.Load(), slowed.Load(),
		other.Load(), time.Since(began).Round(100*time.Millisecond))}
	// The owner, from where the account was used before, is not locked out.
	a, err := l.client("").Do(ctx, http.MethodPost, "/api/auth/login",
		map[string]string{"email": u.email, "password": u.password})
	rows = append(rows, held("the owner logs in meanwhile, from a known address", "status 200",
		err == nil && a.Status == http.StatusOK, "%d %s", a.Status, code(a)))
	return rows, nil
}

// from asks as if through the declared proxy from another address.
func from(ctx context.Context, l *attackLab, address, method, path, body string,
	header ...string,
) (stack.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.admin.Base+path, strings.NewReader(body))
	if err != nil {
		return stack.Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if address != "" {
		req.Header.Set("X-Forwarded-For", address)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := l.admin.HTTP.Do(req)
	if err != nil {
		return stack.Answer{}, err
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// smaller are the lesser things.
func smaller(ctx context.Context, l *attackLab) ([]row, error) {
	var rows []row
	a, err := from(ctx, l, "", http.MethodGet, "/api/health", "", "Host", "rebound.example.org")
	rows = append(rows, held("a page of another name asks (DNS rebinding)", "refused", err == nil &&
		a.Status/100 == 4, "%d %s", a.Status, code(a)))
	a, err = from(ctx, l, "", http.MethodGet, "/metrics", "", "Host", "rebound.example.org")
	rows = append(rows, held("the same for the metrics", "refused", err == nil &&
		a.Status/100 == 4, "%d %s", a.Status, code(a)))

	register := func(email, password string) (stack.Answer, error) {
		return from(ctx, l, fmt.Sprint("198.51.100.", 1+l.numbers.Add(1)%200), http.MethodPost, "/api/auth/register",
			fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	}
	free, err := register("nobody-yet@example.org", tenantPassword)
	if err != nil {
		return rows, err
	}
	taken, err := register(l.victim.email, tenantPassword)
	rows = append(rows, held("register a taken e-mail", "answered like a free one",
		err == nil && taken.Status == free.Status && code(taken) == code(free), "free %d, taken %d %s",
		free.Status, taken.Status, code(taken)))
	for _, password := range []string{
		"password12", "1234567890", "qwertyuiop",
		"fresh-owner@example.org", "fresh-owner123",
	} {
		a, err = register("fresh-owner@example.org", password)
		rows = append(rows, held("register with the password "+password, "status 400 or 422",
			err == nil && (a.Status == 400 || a.Status == 422), "%d %s", a.Status, code(a)))
	}

	rows = append(rows, status(ctx, l.client(l.attacker.key), "make another key with a key", http.MethodPost,
		"/api/instances/"+l.attacker.id+"/keys", map[string]string{"name": "second"}, http.StatusForbidden))
	var hook struct {
		Webhook struct{ ID string } `json:"webhook"`
	}
	if err := l.attacker.client.Want(ctx, http.StatusCreated, http.MethodPost,
		"/api/instances/"+l.attacker.id+"/webhooks", map[string]any{"url": "https://does-not-exist.invalid/"},
		&hook); err != nil {
		return rows, err
	}
	a, err = l.attacker.client.Do(ctx, http.MethodPost, "/api/webhooks/"+hook.Webhook.ID+"/test", nil)
	rows = append(rows, held("test a webhook whose name does not resolve", "no resolver is named",
		err == nil && !strings.Contains(string(a.Body), ":53"), "%d %.120s", a.Status, a.Body))

	for what, path := range map[string]string{
		"read the victim's instance": "/api/instances/" + l.victim.id,
		"read the victim's events":   "/api/instances/" + l.victim.id + "/events",
		"read the victim's log":      "/api/instances/" + l.victim.id + "/logs",
		"read the victim's keys":     "/api/instances/" + l.victim.id + "/keys",
	} {
		rows = append(rows, status(ctx, l.attacker.client, what, http.MethodGet, path, nil, http.StatusNotFound))
	}
	rows = append(rows, status(ctx, l.attacker.client, "read everybody's audit log", http.MethodGet, "/api/audit?user=*",
		nil, http.StatusOK, http.StatusForbidden, http.StatusBadRequest, http.StatusUnprocessableEntity))
	return rows, nil
}
