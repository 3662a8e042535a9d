package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Client makes requests of a simulator's control API. All methods may be called
// at the same time.
type Client struct {
	base string // ends in /control/
}

// New returns a client of the simulator at an endpoint, the URL that the
// simulator's program prints.
func New(endpoint string) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("simulator's endpoint: %w", err)
	}
	if u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("simulator's endpoint %q: not an http URL with a host", endpoint)
	}
	return &Client{base: "http://" + u.Host + "/control/"}, nil
}

// Account describes a new account.
type Account struct {
	Number string `json:"number"` // digits, international
	Name   string `json:"name"`   // the push name
	// Chats is how many chats the phone hands over as history when it is paired,
	// each with Messages texts.
	Chats    int `json:"chats"`
	Messages int `json:"messages"`
	// Passkey makes the account demand one when a device is linked; nil: none.
	Passkey *Passkey `json:"passkey,omitempty"`
}

// CreateAccount registers a phone number.
func (c *Client) CreateAccount(ctx context.Context, account Account) error {
	return c.post(ctx, "accounts", account, nil)
}

// ScanQR lets the account's phone scan the text of a QR code. It returns once the
// device is paired and active.
func (c *Client) ScanQR(ctx context.Context, number, text string) error {
	return c.post(ctx, accountPath(number, "scan"), map[string]string{"qr": text}, nil)
}

// Automatic is what a phone does by itself with the messages it gets.
type Automatic struct {
	// Reply answers every text; %s in it is the text. Empty: no answer.
	Reply string `json:"reply"`
	// Read sends a read receipt for every message.
	Read bool `json:"read"`
}

// SetAutomatic says what the account's phone does by itself from now on, in place
// of what was said before.
func (c *Client) SetAutomatic(ctx context.Context, number string, automatic Automatic) error {
	return c.post(ctx, accountPath(number, "auto"), automatic, nil)
}

// Send lets the account's phone send a text to a number or a JID. It returns when
// the simulator's server has the message.
func (c *Client) Send(ctx context.Context, number, to, text string) error {
	return c.post(ctx, accountPath(number, "send"), map[string]string{"to": to, "text": text}, nil)
}

// post makes a request with a body; see do.
func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, bytes.NewReader(encoded), answer)
}

// do makes a request and decodes the answer, if somebody wants it; another status than
// 2xx is an error.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the simulator's answer: %w", err)
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("the simulator answered %s to %s: %.200s", response.Status, path, raw)
	}
	if answer == nil {
		return nil
	}
	if err = json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("read the simulator's answer: %w", err)
	}
	return nil
}
