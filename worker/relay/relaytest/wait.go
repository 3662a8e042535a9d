package relaytest

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/compose/composetest"
	"whatsapp-manager/worker/wasim/phone"
)

// Contact makes an account of somebody else.
func (r *Rig) Contact(number, name string) *wasim.Account {
	r.T.Helper()
	a, err := r.Sim.CreateAccount(number, name, wasim.AccountOptions{})
	if err != nil {
		r.T.Fatal(err)
	}
	return a
}

// Received waits until a contact's phone has a message with the text.
func (r *Rig) Received(a *wasim.Account, text string) phone.Received {
	r.T.Helper()
	found := make(chan phone.Received, 1)
	look := func(m phone.Received) {
		if m.Text == text {
			select {
			case found <- m:
			default:
			}
		}
	}
	defer a.Phone().Subscribe(look)()
	for _, m := range a.Phone().Received() {
		look(m)
	}
	select {
	case m := <-found:
		return m
	case <-r.Ctx.Done():
		r.T.Fatalf("%s did not receive %q", a.Number(), text)
		return phone.Received{}
	}
}

// Say makes a contact write to us and waits until the mirror has it.
func (r *Rig) Say(from *wasim.Account, text string) string {
	r.T.Helper()
	id, err := from.Phone().SendText(r.Ctx, r.Me.PN(), text)
	if err != nil {
		r.T.Fatal(err)
	}
	Await(r, "message "+text, func(m *events.Message) bool { return m.Info.ID == id })
	return id
}

// Receipt waits until a contact's phone has a receipt of the kind for the message.
func (r *Rig) Receipt(a *wasim.Account, id, kind string) {
	r.T.Helper()
	found := make(chan struct{}, 1)
	look := func(receipt phone.Receipt) {
		for _, about := range receipt.IDs {
			if about == id && receipt.Type == kind {
				select {
				case found <- struct{}{}:
				default:
				}
			}
		}
	}
	defer a.Phone().SubscribeReceipts(look)()
	for _, receipt := range a.Phone().Receipts() {
		look(receipt)
	}
	select {
	case <-found:
	case <-r.Ctx.Done():
		r.T.Fatalf("%s got no %q receipt", a.Number(), kind)
	}
}

// Eventually polls what has no event, such as the state of a simulated phone.
func (r *Rig) Eventually(what string, ok func() bool) {
	r.T.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-r.Ctx.Done():
			r.T.Fatalf("%s: not in time", what)
		}
	}
}

// Synced waits until the client has the account's settings, without which it
// cannot change any.
func (r *Rig) Synced() {
	r.T.Helper()
	for _, name := range appstate.AllPatchNames {
		Await(r, "settings "+string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
}

// Arrived waits until a phone has a message that fits.
func (r *Rig) Arrived(a *wasim.Account, what string, fits func(*waE2E.Message) bool) phone.Received {
	r.T.Helper()
	var found phone.Received
	r.Eventually(what, func() bool {
		for _, m := range a.Phone().Received() {
			if fits(m.Message) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// Raw is the answer as it is.
func (r *Rig) Raw(method string, params ...any) string {
	r.T.Helper()
	result, err := r.Try("", method, params...)
	if err != nil {
		r.T.Fatalf("%s: %v", method, err)
	}
	return string(result)
}

// FieldOf returns the field that an error of the table names.
func FieldOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Field
	}
	return ""
}

// SentOf returns what a failed call had sent.
func SentOf(f *fault.Error) fault.Sent {
	if f == nil {
		return "no fault"
	}
	return f.Sent
}

// Picture returns a PNG image.
func Picture(t *testing.T, w, h int) []byte {
	t.Helper()
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		p.Set(x, x%h, color.RGBA{uint8(x), 200, 10, 255})
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, p); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Message sends us any message, the protojson of a waE2E.Message, and waits until the mirror has
// it. From and to are accounts, groups and channels of the simulator, and the envelope is the
// JSON of a compose.Envelope; "" is the one of the server.
func (r *Rig) Message(from, to, message, envelope string) *events.Message {
	r.T.Helper()
	sent := composetest.Message(r.T, r.Sim, from, to, message, envelope)
	return Await(r, "message "+sent.ID, func(m *events.Message) bool {
		return m.Info.ID == sent.ID && m.RawMessage.GetSenderKeyDistributionMessage() == nil
	})
}
