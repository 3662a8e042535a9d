package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"whatsapp-manager/cmd/internal/stack"
)

// tokens are what a login answers.
type tokens struct {
	Tokens struct {
		AccessToken  string `json:"accessToken"`
		RefreshToken string `json:"refreshToken"`
	} `json:"tokens"`
}

func (l *attackLab) login(ctx context.Context, email, password string) (tokens, *stack.Client, error) {
	var s tokens
	err := l.client("").Want(ctx, http.StatusOK, http.MethodPost, "/api/auth/login",
		map[string]string{"email": email, "password": password}, &s)
	return s, l.client(s.Tokens.AccessToken), err
}

// outlive uses access tokens after what ends their session.
func outlive(ctx context.Context, l *attackLab) ([]row, error) {
	u, err := l.user(ctx, "session")
	if err != nil {
		return nil, err
	}
	post := func(c *stack.Client, path string, body any) error {
		_, err := c.Do(ctx, http.MethodPost, path, body)
		return err
	}
	var rows []row
	for _, end := range []struct {
		what string
		do   func(s tokens, c *stack.Client) error
	}{
		{"logout", func(_ tokens, c *stack.Client) error { return post(c, "/api/auth/logout", nil) }},
		{"logout-all", func(_ tokens, c *stack.Client) error { return post(c, "/api/auth/logout-all", nil) }},
		{"a refresh token was used twice", func(s tokens, _ *stack.Client) error {
			body := map[string]string{"refreshToken": s.Tokens.RefreshToken}
			if err := post(l.client(""), "/api/auth/refresh", body); err != nil {
				return err
			}
			return post(l.client(""), "/api/auth/refresh", body)
		}},
		{"a change of password", func(_ tokens, c *stack.Client) error {
			next := "eleven quiet lamps hum"
			err := c.Want(ctx, http.StatusOK, http.MethodPost, "/api/auth/change-password",
				map[string]string{"currentPassword": u.password, "newPassword": next}, nil)
			u.password = next
			return err
		}},
	} {
		s, c, err := l.login(ctx, u.email, u.password)
		if err != nil {
			return rows, err
		}
		if r := status(ctx, c, "", http.MethodGet, "/api/auth/me", nil, http.StatusOK); !r.held {
			return rows, fmt.Errorf("a fresh token is refused: %s", r.seen)
		}
		if err := end.do(s, c); err != nil {
			return rows, err
		}
		rows = append(rows,
			status(ctx, c, "read with the access token after "+end.what, http.MethodGet,
				"/api/auth/me", nil, http.StatusUnauthorized),
			status(ctx, c, "make a key with the access token after "+end.what, http.MethodPost, "/api/instances",
				map[string]string{"name": "late"}, http.StatusUnauthorized))
	}
	return rows, nil
}

// overhear keeps streams open beyond the permission for them.
func overhear(ctx context.Context, l *attackLab) ([]row, error) {
	t, err := l.enlist(ctx, "stream")
	if err != nil {
		return nil, err
	}
	var made struct {
		Key    struct{ ID string } `json:"key"`
		APIKey string              `json:"apiKey"`
	}
	if err := t.client.Want(ctx, http.StatusCreated, http.MethodPost, "/api/instances/"+t.id+"/keys",
		map[string]string{"name": "stream"}, &made); err != nil {
		return nil, err
	}
	var me struct {
		User struct{ ID string } `json:"user"`
	}
	if err := t.client.Want(ctx, http.StatusOK, http.MethodGet, "/api/auth/me", nil, &me); err != nil {
		return nil, err
	}
	var rows []row
	for _, end := range []struct {
		what, credential string
		do               func() error
	}{
		{"its key was revoked", made.APIKey, func() error {
			return t.client.Want(ctx, http.StatusNoContent, http.MethodDelete,
				"/api/instances/"+t.id+"/keys/"+made.Key.ID, nil, nil)
		}},
		{"its user was disabled", t.client.Token, func() error {
			return l.admin.Want(ctx, http.StatusOK, http.MethodPatch, "/api/users/"+me.User.ID,
				map[string]any{"disabled": true}, nil)
		}},
	} {
		var open []*stream
		for _, kind := range []func(context.Context, *attackLab, *tenant, string) (*stream, error){openSSE, openWebSocket} {
			s, err := kind(ctx, l, t, end.credential)
			if err != nil {
				return rows, err
			}
			defer s.shut()
			open = append(open, s)
		}
		if err := end.do(); err != nil {
			return rows, err
		}
		for _, s := range open {
			rows = append(rows, s.mustEnd("read by "+s.kind+" after "+end.what))
		}
	}
	return rows, nil
}

// stream is one that is being read.
type stream struct {
	kind  string
	shut  func()
	ended chan struct{}
	bytes atomic.Int64
}

func (s *stream) mustEnd(tried string) row {
	began := time.Now()
	select {
	case <-s.ended:
		return held(tried, "ends within seconds", true, "ended after %s", time.Since(began).Round(time.Millisecond))
	case <-time.After(8 * time.Second):
		return held(tried, "ends within seconds", false, "still open after %s", time.Since(began).Round(time.Second))
	}
}

func openSSE(ctx context.Context, l *attackLab, t *tenant, credential string) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.admin.Base+"/api/instances/"+t.id+"/events", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+credential)
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open an event stream: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		return nil, errors.Join(fmt.Errorf("open an event stream: %s", resp.Status), resp.Body.Close())
	}
	s := &stream{kind: "SSE", ended: make(chan struct{})}
	s.shut = func() { cancel(); <-s.ended }
	go func() {
		defer close(s.ended)
		defer resp.Body.Close()
		n, _ := io.Copy(io.Discard, resp.Body) // its end is what counts
		s.bytes.Store(n)
	}()
	return s, nil
}

func openWebSocket(ctx context.Context, l *attackLab, t *tenant, credential string) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	conn, _, err := websocket.Dial( //nolint:bodyclose // the library says that there is no need
		ctx, "ws"+strings.TrimPrefix(l.admin.Base, "http")+"/api/instances/"+t.id+"/events",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + credential}}})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open a WebSocket: %w", err)
	}
	s := &stream{kind: "WebSocket", ended: make(chan struct{})}
	s.shut = func() { cancel(); <-s.ended }
	go func() {
		defer close(s.ended)
		defer func() { _ = conn.CloseNow() }() // it has ended already
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return
			}
			s.bytes.Add(int64(len(text)))
		}
	}()
	return s, nil
}
