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
	// OnSent hears of every message after it was handed to the server; it must
	// not block. May be nil.
	OnSent func(Sent)
}

// Sent is one message of a Traffic.
type Sent struct {
	N    int             `json:"n"`
	ID   types.MessageID `json:"id"`
	Text string          `json:"text"`
	Time time.Time       `json:"time"` // just before it was encrypted
}

// Run sends and returns the ledger of what was sent, in order, complete also
// when it fails. The end of the context is not an error.
func (t Traffic) Run(ctx context.Context) ([]Sent, error) {
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
		text := fmt.Sprintf("message %d", n)
		if t.Text != nil {
			text = t.Text(n)
		}
		at := time.Now()
		id, err := t.From.phone.SendText(ctx, t.To, text)
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
