package wasim

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// Traffic is a person who sends numbered texts from the phone of an account.
type Traffic struct {
	From *Account
	To   types.JID // a user by phone number or hidden identity, or a group
	// Count is how many to send; 0 means until the context ends.
	Count int
	// Rate is messages per second; 0 means as fast as they can be encrypted. A
	// sender that fell behind catches up.
	Rate float64
	// Text makes the n-th text, from 1; "message n" when nil.
	Text func(n int) string
	// OnSent is called for every message after it was handed to the server. It must
	// not block. It may be nil.
	OnSent func(Sent)
}

// Sent is one message of a Traffic.
type Sent struct {
	N    int             `json:"n"`
	ID   types.MessageID `json:"id"`
	Text string          `json:"text"`
	Time time.Time       `json:"time"` // just before it was encrypted, or handed over if it was encrypted ahead
}

// Run sends the texts and returns what was sent, in order; the list is complete even
// when Run fails. The end of the context is not an error.
func (t Traffic) Run(ctx context.Context) ([]Sent, error) {
	return t.run(ctx, func(text string) (types.MessageID, error) {
		return t.From.phone.SendText(ctx, t.To, text)
	})
}

// Ahead encrypts Count messages to a user, and returns a function that does the rest
// of Run: encryption then slows nothing down. Count must not be 0. The function may
// be called once, and From must send nothing else to that user until it has ended.
func (t Traffic) Ahead(ctx context.Context) (run func(context.Context) ([]Sent, error), err error) {
	type prepared struct {
		id       types.MessageID
		handOver func()
	}
	ready := make([]prepared, t.Count)
	for i := range ready {
		if ready[i].id, ready[i].handOver, err = t.From.phone.PrepareText(ctx, t.To, t.text(i+1)); err != nil {
			return nil, fmt.Errorf("prepare message %d: %w", i+1, err)
		}
	}
	return func(ctx context.Context) ([]Sent, error) {
		return t.run(ctx, func(string) (types.MessageID, error) {
			next := ready[0]
			ready = ready[1:]
			next.handOver()
			return next.id, nil
		})
	}, nil
}

func (t Traffic) text(n int) string {
	if t.Text != nil {
		return t.Text(n)
	}
	return fmt.Sprintf("message %d", n)
}

func (t Traffic) run(ctx context.Context, send func(text string) (types.MessageID, error)) ([]Sent, error) {
	var ledger []Sent
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 1; t.Count == 0 || n <= t.Count; n++ {
		if t.Rate > 0 {
			timer.Reset(time.Until(start.Add(time.Duration(float64(n-1) / t.Rate * float64(time.Second)))))
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return ledger, nil
		}
		text, at := t.text(n), time.Now()
		id, err := send(text)
		if err != nil {
			if ctx.Err() != nil {
				return ledger, nil
			}
			return ledger, fmt.Errorf("send message %d: %w", n, err)
		}
		sent := Sent{N: n, ID: id, Text: text, Time: at}
		ledger = append(ledger, sent)
		if t.OnSent != nil {
			t.OnSent(sent)
		}
	}
	return ledger, nil
}
