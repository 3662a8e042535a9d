package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/wasim/phone"
)

// The caller goes away while WhatsApp's ack is on its way, and another one repeats
// the call under the same message id at once: it waits for the first and sends nothing.
func TestRepeatedWhileTheFirstIsUnderWay(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	params := json.RawMessage(`["15550000002@c.us","once"]`)
	const id = "3EB0000000000000000001"
	heard := make(chan phone.Received, 4)
	defer bob.Phone().Subscribe(func(m phone.Received) { heard <- m })()
	ask[any](r, "sendMessage", "15550000002@c.us", "before")
	<-heard

	device := r.Me.Devices()[0]
	device.Delay(time.Second)
	first, leave := context.WithCancel(r.Ctx)
	gone := make(chan error, 1)
	go func() {
		_, err := r.Do(first, relay.Request{Method: "sendMessage", Params: params, MessageID: id, First: true})
		gone <- err
	}()
	<-heard
	leave()

	hasty, cancel := context.WithTimeout(r.Ctx, time.Millisecond)
	defer cancel()
	if _, err := r.Call(hasty, "sendMessage", params, id); !fault.Is(err, fault.Deadline) || relaytest.SentOf(func() *fault.Error {
		target := &fault.Error{}
		_ = errors.As(err, &target)
		return target
	}()) != fault.SentPerhaps {
		t.Errorf("one that does not wait: %v", err)
	}
	if _, err := r.Call(r.Ctx, "sendMessage", params, id); err != nil {
		t.Errorf("the repetition: %v", err)
	}
	device.Delay(0)
	if err := <-gone; err != nil {
		t.Errorf("the first: %v", err)
	}
	ask[any](r, "sendMessage", "15550000002@c.us", "after")
	if m := <-heard; m.Text != "after" {
		t.Errorf("Bob got %q again", m.Text)
	}
}
