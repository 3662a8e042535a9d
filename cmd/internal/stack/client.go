package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Answer is an HTTP answer as a test wants to judge it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Into decodes the body.
func (a Answer) Into(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("decode answer %d %.200q: %w", a.Status, a.Body, err)
	}
	return nil
}

// Client speaks to one manager's API. Token is sent as a bearer token.
type Client struct {
	Base  string
	Token string
	HTTP  *http.Client
}

// Do sends body (JSON unless it is []byte or nil) and reads the whole answer.
func (c *Client) Do(ctx context.Context, method, path string, body any) (Answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return Answer{}, fmt.Errorf("encode request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, reader)
	if err != nil {
		return Answer{}, err
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: answer}, err
}

// Want is Do that fails unless the status is the wanted one; out may be nil.
func (c *Client) Want(ctx context.Context, status int, method, path string, body, out any) error {
	answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	if answer.Status != status {
		return fmt.Errorf("%s %s: status %d, want %d: %.500s", method, path, answer.Status, status, answer.Body)
	}
	if out == nil {
		return nil
	}
	return answer.Into(out)
}

// Login obtains a token for the user.
func (c *Client) Login(ctx context.Context, email, password string) error {
	var out struct {
		Tokens struct {
			AccessToken string `json:"accessToken"`
		} `json:"tokens"`
	}
	if err := c.Want(ctx, http.StatusOK, http.MethodPost, "/api/auth/login",
		map[string]string{"email": email, "password": password}, &out); err != nil {
		return err
	}
	c.Token = out.Tokens.AccessToken
	return nil
}

// Instance is what the tests read of an instance.
type Instance struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	State        string `json:"state"`
	Link         string `json:"link"`
	LinkReason   string `json:"linkReason"`
	LinkDetail   string `json:"linkDetail"`
	LinkUntil    string `json:"linkUntil"`
	PID          int    `json:"pid"`
	Generation   uint64 `json:"generation"`
	RestartCount int    `json:"restartCount"`
	LastError    string `json:"lastError"`
	PhoneNumber  string `json:"phoneNumber"`
	Build        string `json:"build"`
	Outdated     bool   `json:"outdated"`
	Memory       struct {
		RSSBytes   uint64 `json:"rssBytes"`
		LimitBytes uint64 `json:"limitBytes"`
	} `json:"memory"`
}

// Create makes an instance and returns its id and API key. No limit of sends,
// so that tests may burst.
func (c *Client) Create(ctx context.Context, name string) (id, key string, err error) {
	var out struct {
		Instance Instance `json:"instance"`
		APIKey   string   `json:"apiKey"`
	}
	body := map[string]any{"name": name, "sendsPerMinute": 0}
	if err := c.Want(ctx, http.StatusCreated, http.MethodPost, "/api/instances", body, &out); err != nil {
		return "", "", err
	}
	return out.Instance.ID, out.APIKey, nil
}

// Instance reads one.
func (c *Client) Instance(ctx context.Context, id string) (Instance, error) {
	var out struct {
		Instance Instance `json:"instance"`
	}
	err := c.Want(ctx, http.StatusOK, http.MethodGet, "/api/instances/"+id, nil, &out)
	return out.Instance, err
}

// Start asks for the instance to run.
func (c *Client) Start(ctx context.Context, id string) error {
	answer, err := c.Do(ctx, http.MethodPost, "/api/instances/"+id+"/start", nil)
	if err == nil && answer.Status != http.StatusAccepted && answer.Status != http.StatusOK {
		err = fmt.Errorf("start: status %d: %s", answer.Status, answer.Body)
	}
	return err
}

// Until polls the instance until ok is content; the API has no call that waits.
func (c *Client) Until(ctx context.Context, id, what string, ok func(Instance) bool) (Instance, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last Instance
	var lastErr error
	for {
		in, err := c.Instance(ctx, id)
		if err == nil {
			last = in
			if ok(in) {
				return in, nil
			}
		}
		lastErr = err
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("wait until %s: %w (last seen: %+v, %v)", what, ctx.Err(), last, lastErr)
		case <-tick.C:
		}
	}
}

// Ready waits until the instance can be used.
func (c *Client) Ready(ctx context.Context, id string) (Instance, error) {
	return c.Until(ctx, id, "ready", func(in Instance) bool { return in.Status == "ready" })
}

// QR waits for a code to scan.
func (c *Client) QR(ctx context.Context, id string) (string, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := c.Do(ctx, http.MethodGet, "/api/instances/"+id+"/qr", nil)
		if err == nil && answer.Status == http.StatusOK {
			var out struct {
				QR string `json:"qr"`
			}
			if err := answer.Into(&out); err != nil {
				return "", err
			}
			if out.QR != "" {
				return out.QR, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a QR code: %w (last answer %d %.200s, %v)", ctx.Err(),
				answer.Status, answer.Body, err)
		case <-tick.C:
		}
	}
}

// Call relays a method and decodes its result; a refusal is an error with the
// whole answer in it.
func (c *Client) Call(ctx context.Context, key, method string, result any, params ...any) error {
	if params == nil {
		params = []any{}
	}
	var out struct {
		Success bool            `json:"success"`
		Result  json.RawMessage `json:"result"`
	}
	if err := c.Want(ctx, http.StatusOK, http.MethodPost, "/api/proxy/"+key+"/"+method,
		map[string]any{"params": params}, &out); err != nil {
		return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), key, "<key>"))
	}
	if !out.Success {
		return fmt.Errorf("%s answered 200 without success", method)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(out.Result, result)
}
