package wasim_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

type tlsConn = tls.Conn

func textMessage(body string) *waE2E.Message {
	return &waE2E.Message{Conversation: proto.String(body)}
}

// awaitReceived returns the phone's first message with a text, past or future.
func (r *rig) awaitReceived(a *wasim.Account, body string) phone.Received {
	r.t.Helper()
	found := make(chan phone.Received, 1)
	look := func(m phone.Received) {
		if m.Text == body {
			select {
			case found <- m:
			default:
			}
		}
	}
	cancel := a.Phone().Subscribe(look)
	defer cancel()
	for _, m := range a.Phone().Received() {
		look(m)
	}
	select {
	case m := <-found:
		return m
	case <-r.ctx.Done():
		r.t.Fatalf("phone of %s did not receive %q", a.Number(), body)
		return phone.Received{}
	}
}

// awaitReceipt returns the phone's first receipt of a type for a message.
func (r *rig) awaitReceipt(a *wasim.Account, id, kind string) phone.Receipt {
	r.t.Helper()
	found := make(chan phone.Receipt, 1)
	look := func(receipt phone.Receipt) {
		for _, about := range receipt.IDs {
			if about == id && receipt.Type == kind {
				select {
				case found <- receipt:
				default:
				}
			}
		}
	}
	cancel := a.Phone().SubscribeReceipts(look)
	defer cancel()
	for _, receipt := range a.Phone().Receipts() {
		look(receipt)
	}
	select {
	case receipt := <-found:
		return receipt
	case <-r.ctx.Done():
		r.t.Fatalf("phone of %s got no %q receipt for %s", a.Number(), kind, id)
		return phone.Receipt{}
	}
}

// testLog writes a client's warnings into a verbose test's log.
type testLog struct{ t *testing.T }

func (l testLog) write(level, format string, args []any) {
	if l.t.Context().Err() == nil {
		l.t.Log(level, fmt.Sprintf(format, args...))
	}
}
func (l testLog) Warnf(format string, args ...any)  { l.write("WARN", format, args) }
func (l testLog) Errorf(format string, args ...any) { l.write("ERROR", format, args) }
func (l testLog) Infof(string, ...any)              {}
func (l testLog) Debugf(string, ...any)             {}
func (l testLog) Sub(string) waLog.Logger           { return l }
