package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"whatsapp-manager/cmd/whatsapp-manager/e2e/stack"
	"whatsapp-manager/worker/wasim"
)

// talker is a person whom all accounts know, and who looks at the webhooks.
type talker struct {
	account *wasim.Account
	heard   *ledger
	said    atomic.Int64
}

// newTalker makes one and lets it say hello, so that the Signal sessions exist.
func (l *lab) newTalker(ctx context.Context, to []*linked, heard *ledger) (*talker, error) {
	account, err := l.person()
	if err != nil {
		return nil, err
	}
	t := &talker{account: account, heard: heard}
	for _, a := range to {
		if _, err := t.message(ctx, a, time.Now()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// message sends a text and returns how long after began it was at the webhook.
func (t *talker) message(ctx context.Context, to *linked, began time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	text := fmt.Sprintf("%s says %d", t.account.Number(), t.said.Add(1))
	if _, err := t.account.Phone().SendText(ctx, to.PN(), text); err != nil {
		return 0, err
	}
	at, err := t.heard.await(ctx, text)
	return at.Sub(began), err
}

// listen makes the ledger the webhook of all instances.
func (l *ledger) listen(ctx context.Context, s *stack.Stack, all []*linked) error {
	for _, a := range all {
		body := map[string]any{"url": l.url(), "events": []string{"message"}}
		if err := s.Client.Want(ctx, http.StatusCreated, http.MethodPost, "/api/instances/"+a.id+"/webhooks", body, nil); err != nil {
			return err
		}
	}
	return nil
}

// await returns when the text arrived first.
func (l *ledger) await(ctx context.Context, text string) (time.Time, error) {
	var at time.Time
	err := until(ctx, "the message arrived", time.Millisecond, func() (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		var ok bool
		at, ok = l.arrived[text]
		return ok, nil
	})
	return at, err
}
