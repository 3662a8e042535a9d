package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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

// Address is the URL of the simulator, below which its control API lies.
func (c *Client) Address() string { return strings.TrimSuffix(c.base, "/control/") }

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

// Composed is what became of a message that Message sent.
type Composed struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	ServerID  int    `json:"serverId"` // of a post in a channel
	// Outcome is the worst of the devices': refused, retry, waiting, acknowledged, delivered.
	Outcome string `json:"outcome"`
	Devices []struct {
		Device  string `json:"device"`
		Outcome string `json:"outcome"`
		Retries int    `json:"retries"`
		Code    string `json:"code"`
	} `json:"devices"`
}

// Message sends any message, given as the protojson of a waE2E.Message, in any stanza: the
// envelope is the JSON that package control describes, "" for what the server would say.
func (c *Client) Message(ctx context.Context, from, to, message, envelope string) (Composed, error) {
	var sent Composed
	body := map[string]any{"from": from, "to": to}
	if message != "" {
		body["message"] = json.RawMessage(message)
	}
	if envelope != "" {
		body["envelope"] = json.RawMessage(envelope)
	}
	err := c.post(ctx, "message", body, &sent)
	return sent, err
}

// Media puts a file on the media host and returns the fields by which a message names it, as
// protojson. Kind is image, video, audio, document and so on; plain is for files of channels.
func (c *Client) Media(ctx context.Context, kind, mimetype string, plain bool, file []byte) (json.RawMessage, error) {
	query := url.Values{"type": {kind}, "mimetype": {mimetype}, "plain": {strconv.FormatBool(plain)}}
	var fields json.RawMessage
	err := c.do(ctx, http.MethodPost, "media?"+query.Encode(), bytes.NewReader(file), &fields)
	return fields, err
}

// Seal seals a vote, a reaction, an edit or an answer for a pair of ids, as package control
// describes it, and returns the message with it as protojson.
func (c *Client) Seal(ctx context.Context, sealing string) (json.RawMessage, error) {
	var sealed struct {
		Message json.RawMessage `json:"message"`
	}
	err := c.post(ctx, "seal", json.RawMessage(sealing), &sealed)
	return sealed.Message, err
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
