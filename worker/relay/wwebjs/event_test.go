package wwebjs

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestScheduledEvents(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	jid, _ := r.group("Lunch club", nil, "15550000002@c.us")
	lunch := map[string]any{"$type": "ScheduledEvent", "name": "Lunch", "startTimeTs": 1800000000, "eventSendOptions": map[string]any{"description": "Soup", "location": "Canteen", "callType": "video", "endTimeTs": 1800003600}}
	sent := ask[shape.Message](r, "sendMessage", jid.String(), lunch)
	got := r.Arrived(bob, "event", func(m *waE2E.Message) bool { return m.GetEventMessage() != nil }).Message
	event := got.GetEventMessage()
	if sent.Type != "event_creation" || event.GetName() != "Lunch" || event.GetDescription() != "Soup" || event.GetLocation().GetName() != "Canteen" || event.GetStartTime() != 1800000000 || event.GetEndTime() != 1800003600 ||
		!strings.HasPrefix(event.GetJoinLink(), "https://call.whatsapp.com/video/") {
		t.Fatalf("event %v, answered %s", event, sent.Type)
	}
	secret := got.GetMessageContextInfo().GetMessageSecret()
	me := r.Me.LID().String()

	if !ask[bool](r, "sendResponseToScheduledEvent", 1, sent.ID.Serialized) {
		t.Error("no answer was sent")
	}
	answer := r.Arrived(bob, "answer", func(m *waE2E.Message) bool { return m.GetEncEventResponseMessage() != nil }).Message.GetEncEventResponseMessage()
	var response waE2E.EventResponseMessage
	open(t, secret, sent.ID.ID, me, me, whatsmeow.EncSecretEventResponse, answer.GetEncPayload(), answer.GetEncIV(), &response)
	if response.GetResponse() != waE2E.EventResponseMessage_GOING || answer.GetEventCreationMessageKey().GetID() != sent.ID.ID {
		t.Errorf("answer %v to %v", &response, answer.GetEventCreationMessageKey())
	}
	for _, odd := range []any{4, -1, 1.5} {
		if ask[bool](r, "sendResponseToScheduledEvent", odd, sent.ID.Serialized) {
			t.Errorf("answer %v was sent", odd)
		}
	}

	answers := ask[[]shape.EventResponse](r, "Message.getEventResponses", sent.ID.Serialized)
	if len(answers) != 1 || answers[0].Response != "going" || answers[0].SenderID != r.Me.Number()+"@c.us" || answers[0].ParentMsgKey.ID != sent.ID.ID {
		t.Errorf("answers %+v", answers)
	}
	text := ask[shape.Message](r, "sendMessage", jid.String(), "no event")
	if _, err := r.Try("", "Message.getEventResponses", text.ID.Serialized); relaytest.FieldOf(err) != "params[0]" {
		t.Errorf("answers to a text: %v", err)
	}

	lunch["name"] = "Dinner"
	lunch["eventSendOptions"] = map[string]any{"isEventCanceled": false}
	edited := ask[shape.Message](r, "Message.editScheduledEvent", sent.ID.Serialized, lunch)
	if edited.Body != "Dinner" || edited.ID.ID != sent.ID.ID {
		t.Errorf("edited %+v", edited)
	}
	change := r.Arrived(bob, "edit", func(m *waE2E.Message) bool { return m.GetSecretEncryptedMessage() != nil }).Message.GetSecretEncryptedMessage()
	var content waE2E.Message
	open(t, secret, sent.ID.ID, me, me, whatsmeow.EncSecretEventEdit, change.GetEncPayload(), change.GetEncIV(), &content)
	if content.GetEventMessage().GetName() != "Dinner" || change.GetSecretEncType() != waE2E.SecretEncryptedMessage_EVENT_EDIT {
		t.Errorf("edit %v", &content)
	}
	for _, kind := range []string{"voice", "none"} {
		t.Run("a call of kind "+kind, func(t *testing.T) {
			name := "Call: " + kind
			call := map[string]any{"$type": "ScheduledEvent", "name": name, "startTimeTs": 1800000000, "eventSendOptions": map[string]any{"callType": kind}}
			ask[shape.Message](r, "sendMessage", jid.String(), call)
			event := r.Arrived(bob, name, func(m *waE2E.Message) bool { return m.GetEventMessage().GetName() == name }).Message.GetEventMessage()
			want := ""
			if kind != "none" {
				made := r.Me.CallLinks()
				want = "https://call.whatsapp.com/" + kind + "/" + made[len(made)-1].Token
			}
			if event.GetJoinLink() != want {
				t.Errorf("link %q, want %q", event.GetJoinLink(), want)
			}
		})
	}
	for field, bad := range map[string]map[string]any{
		"params[1].name":                      {"$type": "ScheduledEvent", "startTimeTs": 1},
		"params[1].startTimeTs":               {"$type": "ScheduledEvent", "name": "x"},
		"params[1].eventSendOptions.callType": {"$type": "ScheduledEvent", "name": "x", "startTimeTs": 1, "eventSendOptions": map[string]any{"callType": "smoke"}},
	} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "sendMessage", jid.String(), bad); relaytest.FieldOf(err) != field {
				t.Errorf("%s: %v", field, err)
			}
		})
	}
}

// open reads what is sealed with the secret of a message, as phones do: key and
// additional data after whatsmeow's generateMsgSecretKey.
func open(t *testing.T, secret []byte, id, author, sender string, use whatsmeow.MsgSecretType, payload, iv []byte, into proto.Message) {
	t.Helper()
	key := hkdfutil.SHA256(secret, nil, []byte(id+author+sender+string(use)), 32)
	var aad []byte
	if use == whatsmeow.EncSecretPollVote || use == whatsmeow.EncSecretEventResponse || use == "" {
		aad = []byte(id + "\x00" + sender)
	}
	plain, err := gcmutil.Decrypt(key, iv, payload, aad)
	if err == nil {
		err = proto.Unmarshal(plain, into)
	}
	if err != nil {
		t.Fatalf("open %s: %v", use, err)
	}
}
