package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/relaytest"
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
		t.Run(tc.method+tc.params, func(t *testing.T) {
			_, err := offline(t, true).Call(t.Context(), tc.method, json.RawMessage(tc.params), tc.id)
			var f *fault.Error
			if !errors.As(err, &f) || f.Sent != fault.SentNothing {
				t.Errorf("got %+v", f)
			}
		})
	}
	broken := offline(t, true)
	broken.Ready = relaytest.Always
	if f := relaytest.FaultOf(t, broken.Table, "sendMessage", `["1@c.us","a",{"sendSeen":false}]`); f.Sent != fault.SentNothing {
		t.Errorf("a store that fails before the message is written: %+v", f)
	}
	broken.Ready = func(*whatsmeow.Client, relay.Need) error { panic("odd") }
	if f := relaytest.FaultOf(t, broken.Table, "sendMessage", `["1@c.us","a"]`); f.Kind != fault.Internal || f.Sent != fault.SentNothing {
		t.Errorf("a panic before it: %+v", f)
	}
}

// On a live connection: what fails on the way to the message has sent nothing,
// and from the moment at which it is written on it may be out.
func TestWhatAFailedSendHadSent(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	fails := func(name string, want fault.Sent, kind fault.Kind, method string, params ...any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(r.Ctx, 2*time.Second)
		defer cancel()
		encoded, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Call(ctx, method, encoded, "")
		var f *fault.Error
		if !errors.As(err, &f) || f.Sent != want || f.Kind != kind {
			t.Errorf("%s: sent %q, %v; want %q and %s", name, relaytest.SentOf(f), err, want, kind)
		}
	}
	r.Sim.Faults.IQError("usync", 503, 2) // the first one is for the timer of the new chat
	fails("whose number it is could not be asked", fault.SentNothing, fault.Unavailable, "sendMessage", chat, "one")
	r.Sim.Media().Refuse(http.StatusServiceUnavailable)
	fails("the file could not be uploaded", fault.SentNothing, fault.Refused, "sendMessage", chat, map[string]any{"mimetype": "text/plain", "data": "aGk=", "filename": "a.txt"})
	r.Sim.Media().Refuse(0)
	fails("whom to invite could not be asked", fault.SentNothing, fault.Unavailable, "createGroup", "Friends", []string{chat}, func() any {
		r.Sim.Faults.IQError("usync", 503, 1)
		return map[string]any{}
	}())

	// WhatsApp had the request, or may have had it, and it is not known to be harmless.
	r.Sim.Faults.IQError("w:g2", 503, 1)
	fails("a group may have been made", fault.SentUnsaid, fault.Unavailable, "createGroup", "Friends", []string{chat})
	r.Sim.Faults.IQError("w:g2", 503, 1)
	fails("a group may have been made, by reflection", fault.SentUnsaid, fault.Unavailable, "whatsmeow.CreateGroup", map[string]any{"name": "Friends", "participants": []string{chat}})

	ask[shape.Message](r, "sendMessage", chat, "works")
	r.Sim.Faults.LoseAcks(1)
	fails("no ack", fault.SentPerhaps, fault.Deadline, "sendMessage", chat, "two")
	r.Received(bob, "two")
	r.Sim.Faults.MessageError(479, 1)
	fails("refused", fault.SentPerhaps, fault.Refused, "sendMessage", chat, "three")
	r.Sim.Faults.LoseAcks(1)
	fails("no ack, by reflection", fault.SentPerhaps, fault.Deadline, "whatsmeow.SendMessage", chat, map[string]any{"conversation": "four"})

	// The message arrived, and the connection dies and does not come back.
	r.Sim.Faults.LoseAcks(1)
	lost := make(chan error, 1)
	go func() {
		_, err := r.Call(r.Ctx, "sendMessage", json.RawMessage(`["`+chat+`","five"]`), "")
		lost <- err
	}()
	r.Received(bob, "five")
	r.Sim.RefuseUpgrade(http.StatusServiceUnavailable, 1000)
	r.Me.Devices()[0].Drop()
	var f *fault.Error
	if err := <-lost; !errors.As(err, &f) || f.Sent != fault.SentPerhaps {
		t.Errorf("lost underway: sent %q, %v", relaytest.SentOf(f), err)
	}
	fails("no connection any more, which nobody noticed", fault.SentNothing, fault.Offline, "sendMessage", chat, "six")
	r.Ready = relaytest.Always
	fails("found by writing", fault.SentNothing, fault.Offline, "sendMessage", chat, "seven", map[string]any{"sendSeen": false})
}
