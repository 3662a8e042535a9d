package wwebjs

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestCalls(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	id := bob.Ring(r.Me, true)
	await(r, "call", func(e *events.CallOffer) bool { return e.CallID == id })
	ask[any](r, "Call.reject", shape.Call{ID: id, From: "15550000002@c.us"})
	r.Eventually("the caller's phone hears the refusal", func() bool {
		for _, s := range bob.Calls() {
			if s.CallID == id && s.Kind == "reject" && s.From == r.Me {
				return true
			}
		}
		return false
	})
	for field, given := range map[string]any{"params[0].id": map[string]any{"from": "15550000002@c.us"}, "params[0].from": map[string]any{"id": "A"}} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "Call.reject", given); relaytest.FieldOf(err) != field {
				t.Errorf("%s: %v", field, err)
			}
		})
	}

	start := time.Unix(1800000000, 0)
	for kind, media := range map[string]string{"video": "video", "voice": "audio"} {
		t.Run(kind, func(t *testing.T) {
			link := ask[string](r, "createCallLink", start, kind)
			made := r.Me.CallLinks()
			last := made[len(made)-1]
			if link != "https://call.whatsapp.com/"+kind+"/"+last.Token || last.Media != media || !last.Start.Equal(start) {
				t.Errorf("%s: link %s, the server made %+v", kind, link, last)
			}
		})
	}
	if _, err := r.Try("", "createCallLink", start, "smoke"); relaytest.FieldOf(err) != "params[1]" {
		t.Errorf("a call by smoke: %v", err)
	}
}
