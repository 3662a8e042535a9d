package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"whatsapp-manager/worker/wasim"
)

// sender is a person whom all accounts know, and who looks at the webhooks.
type sender struct {
	account *wasim.Account
	heard   *ledger
	said    atomic.Int64
}

// newSender makes one and lets it say hello, so that the Signal sessions exist.
func (l *benchLab) newSender(ctx context.Context, to []*linked, heard *ledger) (*sender, error) {
	account, err := l.person()
	if err != nil {
		return nil, err
	}
	t := &sender{account: account, heard: heard}
	for _, a := range to {
		if _, err := t.message(ctx, a, time.Now()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// message sends a text and returns how long after began it was at the webhook.
func (t *sender) message(ctx context.Context, to *linked, began time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	text := fmt.Sprintf("%s says %d", t.account.Number(), t.said.Add(1))
	if _, err := t.account.Phone().SendText(ctx, to.PN(), text); err != nil {
		return 0, err
	}
	at, err := t.heard.await(ctx, text)
	return at.Sub(began), err
}
