package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/supervisor/store"
)

// postResult is what one attempt at a delivery brought.
type postResult struct {
	status     int           // 0: no answer
	err        string        // empty: delivered; never holds the body
	took       time.Duration //
	retryAfter time.Duration // asked for by the receiver
}

func (o postResult) ok() bool { return o.err == "" }

func (o postResult) statusPtr() *int {
	if o.status == 0 {
		return nil
	}
	return &o.status
}

func (o postResult) attempt(endpoint string, seq uint64) store.Attempt {
	return store.Attempt{
		EndpointID: endpoint, Seq: seq, At: time.Now(), Status: o.statusPtr(), Error: o.err, DurationMS: int(o.took.Milliseconds()),
	}
}

// httpClient sends signed events. Signature and headers follow the Standard
// Webhooks specification (standardwebhooks.com): webhook-id, webhook-timestamp,
// webhook-signature "v1,<base64 HMAC-SHA256 of id.timestamp.body>".
type httpClient struct {
	client  *http.Client
	timeout time.Duration
}

func newHTTPClient(timeout time.Duration, allowed []netip.Prefix) *httpClient {
	transport := &http.Transport{
		Proxy:                 nil, // it would connect for us, to whatever address
		DialContext:           netguard.Dialer(5*time.Second, allowed).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		ResponseHeaderTimeout: timeout,
	}
	return &httpClient{
		timeout: timeout,
		client: &http.Client{
			Transport: transport,
			// A signature is made for one address; a redirect is a wrong configuration and is reported as such.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (p *httpClient) close() { p.client.CloseIdleConnections() }

func (p *httpClient) post(ctx context.Context, to store.Endpoint, ev store.Event) postResult {
	envelope, err := wrap(ev, to.Raw)
	if err != nil {
		return postResult{err: err.Error()}
	}
	return p.send(ctx, to, envelope)
}

func (p *httpClient) send(ctx context.Context, to store.Endpoint, envelope Envelope) postResult {
	began := time.Now()
	out := p.try(ctx, to, envelope, began)
	out.took = time.Since(began)
	return out
}

func (p *httpClient) try(ctx context.Context, to store.Endpoint, envelope Envelope, now time.Time) postResult {
	body, err := json.Marshal(envelope)
	if err != nil {
		return postResult{err: fmt.Sprintf("encode event: %v", err)}
	}
	if len(to.Secret) == 0 { // it could not be opened, and nothing is posted as if it had been
		return postResult{err: "the signing secret cannot be read; renew it"}
	}
	signer, err := standardwebhooks.NewWebhookRaw(to.Secret)
	if err != nil {
		return postResult{err: fmt.Sprintf("read secret: %v", err)}
	}
	signature, err := signer.Sign(envelope.ID, now, body)
	if err != nil {
		return postResult{err: fmt.Sprintf("sign event: %v", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return postResult{err: "the endpoint's URL cannot be used"}
	}
	req.Header.Set("User-Agent", "whatsapp-manager")
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, envelope.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)

	resp, err := p.client.Do(req)
	if err != nil {
		return postResult{err: netguard.Reason(err)}
	}
	defer resp.Body.Close()
	// Reading what is left lets the connection be used again; a receiver that talks without end loses it.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return postResult{status: resp.StatusCode}
	}
	return postResult{
		// The receiver's own words for the status may be any bytes.
		status: resp.StatusCode, err: strings.TrimSpace(fmt.Sprintf("the receiver answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))),
		retryAfter: retryAfter(resp.Header.Get("Retry-After"), now),
	}
}

func retryAfter(header string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	if header == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(header); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), longest)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}
