package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

// What is found before a method runs has sent nothing, whatever its kind is.
func TestNothingIsSentBeforeTheMethodRuns(t *testing.T) {
	for _, tc := range []struct{ method, params, id string }{
		{"sendMessage", `["1@c.us","a"]`, ""},
		{"whatsmeow.SendMessage", `["1@c.us",{"conversation":"a"}]`, ""},
		{"createGroup", `["a",["1@c.us"]]`, ""},
		{"sendMessage", `["1@c.us"]`, ""},
		{"sendMessage", `{`, ""},
		{"sendMessage", `["1@c.us","a"]`, "odd id!"},
		{"noMethod", ``, ""},
		{"getPollVotes", ``, ""},
	} {
		_, err := offline(t, true).Call(t.Context(), tc.method, json.RawMessage(tc.params), tc.id)
		var f *fault.Error
		if !errors.As(err, &f) || f.Sent != fault.SentNothing {
			t.Errorf("%s(%s): %+v", tc.method, tc.params, f)
		}
	}
	broken := offline(t, true)
	broken.ready = func(*whatsmeow.Client, need) error { return nil }
	if f := faultOf(t, broken, "sendMessage", `["1@c.us","a",{"sendSeen":false}]`); f.Sent != fault.SentNothing {
		t.Errorf("a store that fails before the message is written: %+v", f)
	}
	broken.ready = func(*whatsmeow.Client, need) error { panic("odd") }
	if f := faultOf(t, broken, "sendMessage", `["1@c.us","a"]`); f.Kind != fault.Internal || f.Sent != fault.SentNothing {
		t.Errorf("a panic before it: %+v", f)
	}
}

func TestUnwritten(t *testing.T) {
	lost := &whatsmeow.DisconnectedError{Action: "message send"}
	wrapped := func(err error) error { return fmt.Errorf("failed to send message node: %w", err) }
	for _, tc := range []struct {
		name string
		took whatsmeow.MessageDebugTimings
		err  error
		want bool
	}{
		{"look-up failed", whatsmeow.MessageDebugTimings{LIDFetch: 1, PeerEncrypt: 1}, lost, true},
		{"no connection to write to", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(whatsmeow.ErrNotConnected), true},
		{"connection closed before", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(socket.ErrSocketClosed), true},
		{"broke off while it was written", whatsmeow.MessageDebugTimings{Send: 1}, wrapped(context.Canceled), false},
		{"no answer", whatsmeow.MessageDebugTimings{Send: 1}, whatsmeow.ErrMessageTimedOut, false},
		{"lost after it", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, lost, false},
		{"no connection for the second try", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, whatsmeow.ErrNotConnected, false},
		{"second try closed", whatsmeow.MessageDebugTimings{Send: 1, Retry: 1}, socket.ErrSocketClosed, false},
	} {
		if got := unwritten(tc.took, tc.err); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

// On a live connection: what fails on the way to the message has sent nothing,
// and from the moment at which it is written on it may be out.
func TestWhatAFailedSendHadSent(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	fails := func(name string, want fault.Sent, kind fault.Kind, method string, params ...any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
		defer cancel()
		encoded, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Call(ctx, method, encoded, "")
		var f *fault.Error
		if !errors.As(err, &f) || f.Sent != want || f.Kind != kind {
			t.Errorf("%s: sent %q, %v; want %q and %s", name, sentOf(f), err, want, kind)
		}
	}
	r.sim.Faults.IQError("usync", 503, 1)
	fails("whose number it is could not be asked", fault.SentNothing, fault.Unavailable, "sendMessage", chat, "one")
	r.sim.Media().Refuse(http.StatusServiceUnavailable)
	fails("the file could not be uploaded", fault.SentNothing, fault.Refused, "sendMessage", chat, map[string]any{"mimetype": "text/plain", "data": "aGk=", "filename": "a.txt"})
	r.sim.Media().Refuse(0)
	fails("whom to invite could not be asked", fault.SentNothing, fault.Unavailable, "createGroup", "Friends", []string{chat}, func() any {
		r.sim.Faults.IQError("usync", 503, 1)
		return map[string]any{}
	}())

	// WhatsApp had the request, or may have had it, and it is not known to be harmless.
	r.sim.Faults.IQError("w:g2", 503, 1)
	fails("a group may have been made", fault.SentUnsaid, fault.Unavailable, "createGroup", "Friends", []string{chat})
	r.sim.Faults.IQError("w:g2", 503, 1)
	fails("a group may have been made, by reflection", fault.SentUnsaid, fault.Unavailable, "whatsmeow.CreateGroup", map[string]any{"name": "Friends", "participants": []string{chat}})

	ask[shape.Message](r, "sendMessage", chat, "works")
	r.sim.Faults.LoseAcks(1)
	fails("no ack", fault.SentPerhaps, fault.Deadline, "sendMessage", chat, "two")
	r.received(bob, "two")
	r.sim.Faults.MessageError(479, 1)
	fails("refused", fault.SentPerhaps, fault.Refused, "sendMessage", chat, "three")
	r.sim.Faults.LoseAcks(1)
	fails("no ack, by reflection", fault.SentPerhaps, fault.Deadline, "whatsmeow.SendMessage", chat, map[string]any{"conversation": "four"})

	// The message arrived, and the connection dies and does not come back.
	r.sim.Faults.LoseAcks(1)
	lost := make(chan error, 1)
	go func() {
		_, err := r.Call(r.ctx, "sendMessage", json.RawMessage(`["`+chat+`","five"]`), "")
		lost <- err
	}()
	r.received(bob, "five")
	r.sim.RefuseUpgrade(http.StatusServiceUnavailable, 1000)
	r.me.Devices()[0].Drop()
	var f *fault.Error
	if err := <-lost; !errors.As(err, &f) || f.Sent != fault.SentPerhaps {
		t.Errorf("lost underway: sent %q, %v", sentOf(f), err)
	}
	fails("no connection any more, which nobody noticed", fault.SentNothing, fault.Offline, "sendMessage", chat, "six")
	r.ready = func(*whatsmeow.Client, need) error { return nil }
	fails("found by writing", fault.SentNothing, fault.Offline, "sendMessage", chat, "seven", map[string]any{"sendSeen": false})
}

// A panic is the parameters' fault only as long as nothing is out.
func TestAPanicAfterTheMessageIsOurs(t *testing.T) {
	for _, tc := range []struct {
		out  bool
		want fault.Kind
	}{{false, fault.Invalid}, {true, fault.Internal}} {
		c := &call{Table: offline(t, true), began: true}
		c.out.Store(tc.out)
		_, err := c.invoke(&reflected{name: "SendMessage"}, reflect.ValueOf(func() { panic("odd") }), nil)
		if f := c.told(err); f.Kind != tc.want || tc.out != (f.Sent == fault.SentPerhaps) {
			t.Errorf("out %t: %+v", tc.out, f)
		}
	}
}

func sentOf(f *fault.Error) fault.Sent {
	if f == nil {
		return "no fault"
	}
	return f.Sent
}
