package relay

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
)

func TestStatusMessages(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	r.say(bob, "hello") // so that Bob is among those who see the status
	mine := ask[shape.Message](r, "sendMessage", "status@broadcast", "on holiday")
	theirs, err := bob.Phone().SendText(r.ctx, types.StatusBroadcastJID, "at work")
	if err != nil {
		t.Fatal(err)
	}
	await(r, "status", func(m *events.Message) bool { return m.Info.ID == theirs && m.Message.GetConversation() != "" })

	all := ask[[]broadcast](r, "getBroadcasts")
	if len(all) != 2 || all[0].ID.Serialized != "15550000002@c.us" || all[0].TotalCount != 1 || all[0].UnreadCount != 1 || all[0].Msgs[0].Body != "at work" || all[1].UnreadCount != 0 {
		t.Fatalf("broadcasts %+v", all)
	}
	for _, method := range []string{"getBroadcastById", "Contact.getBroadcast"} {
		if b := ask[broadcast](r, method, "15550000002@c.us"); b.Timestamp == 0 || len(b.Msgs) != 1 || b.Msgs[0].ID.ID != theirs {
			t.Errorf("%s: %+v", method, b)
		}
	}
	if got := r.raw("getBroadcastById", "15559999999@c.us"); got != "{}" {
		t.Errorf("of a stranger: %s", got)
	}
	if chat := ask[shape.Chat](r, "Broadcast.getChat", "15550000002@c.us"); chat.ID.Serialized != "15550000002@c.us" {
		t.Errorf("chat %+v", chat)
	}
	if contact := ask[shape.Contact](r, "Broadcast.getContact", "15550000002@c.us"); contact.Pushname != "Bob" {
		t.Errorf("contact %+v", contact)
	}

	if _, err := r.try("", "revokeStatusMessage", all[0].Msgs[0].ID.Serialized); !fault.Is(err, fault.Invalid) {
		t.Errorf("somebody else's status: %v", err)
	}
	ask[any](r, "revokeStatusMessage", mine.ID.Serialized)
	if all := ask[[]broadcast](r, "getBroadcasts"); len(all) != 1 {
		t.Errorf("after the revocation %+v", all)
	}
}

func TestCalls(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	id := bob.Ring(r.me, true)
	await(r, "call", func(e *events.CallOffer) bool { return e.CallID == id })
	ask[any](r, "Call.reject", shape.Call{ID: id, From: "15550000002@c.us"})
	r.eventually("the caller's phone hears the refusal", func() bool {
		for _, s := range bob.Calls() {
			if s.CallID == id && s.Kind == "reject" && s.From == r.me {
				return true
			}
		}
		return false
	})
	for field, given := range map[string]any{"params[0].id": map[string]any{"from": "15550000002@c.us"}, "params[0].from": map[string]any{"id": "A"}} {
		if _, err := r.try("", "Call.reject", given); fieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}

	start := time.Unix(1800000000, 0)
	for kind, media := range map[string]string{"video": "video", "voice": "audio"} {
		link := ask[string](r, "createCallLink", start, kind)
		made := r.me.CallLinks()
		last := made[len(made)-1]
		if link != "https://call.whatsapp.com/"+kind+"/"+last.Token || last.Media != media || !last.Start.Equal(start) {
			t.Errorf("%s: link %s, the server made %+v", kind, link, last)
		}
	}
	if _, err := r.try("", "createCallLink", start, "smoke"); fieldOf(err) != "params[1]" {
		t.Errorf("a call by smoke: %v", err)
	}
}

func TestOrdersAndProducts(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	r.me.AddOrder(wasim.Order{ID: "77", Token: "secret", Currency: "EUR", At: time.Unix(1700000000, 0), Products: []wasim.Product{{ID: "p1", Name: "Bread", Currency: "EUR", Price: 2500, Quantity: 2}}})
	sent, err := bob.Phone().SendMessage(r.ctx, r.me.PN(), &waE2E.Message{OrderMessage: &waE2E.OrderMessage{OrderID: proto.String("77"), Token: proto.String("secret"), ItemCount: proto.Int32(2)}})
	if err != nil {
		t.Fatal(err)
	}
	await(r, "order", func(m *events.Message) bool { return m.Info.ID == sent })
	got := ask[order](r, "Message.getOrder", "false_15550000002@c.us_"+sent)
	if got.Total != "5000" || got.Currency != "EUR" || got.CreatedAt != 1700000000 || len(got.Products) != 1 || got.Products[0].Name != "Bread" || got.Products[0].Price != "2500" || got.Products[0].Quantity != 2 {
		t.Errorf("order %+v", got)
	}
	text := "false_15550000002@c.us_" + r.say(bob, "no order")
	for _, method := range []string{"Message.getOrder", "Message.getPayment"} {
		if got := r.raw(method, text); got != "null" {
			t.Errorf("%s of a text: %s", method, got)
		}
	}
	request, err := bob.Phone().SendMessage(r.ctx, r.me.PN(), &waE2E.Message{RequestPaymentMessage: &waE2E.RequestPaymentMessage{
		CurrencyCodeIso4217: proto.String("INR"), Amount1000: proto.Uint64(99000), NoteMessage: &waE2E.Message{Conversation: proto.String("lunch")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	await(r, "request", func(m *events.Message) bool { return m.Info.ID == request })
	if p := ask[payment](r, "Message.getPayment", "false_15550000002@c.us_"+request); p.Currency != "INR" || p.Amount != 99000 || p.Note != "lunch" || p.ID.ID != request {
		t.Errorf("payment %+v", p)
	}

	r.me.SetCatalogue(wasim.Product{ID: "p1", Name: "Bread"}, wasim.Product{ID: "p2", Name: "Roll"}, wasim.Product{ID: "p3", RetailerID: "sku-3", Name: "Cake", Description: "With cherries"})
	if p := ask[productMetadata](r, "Product.getData", "p3"); p != (productMetadata{ID: "p3", RetailerID: "sku-3", Name: "Cake", Description: "With cherries"}) {
		t.Errorf("product %+v", p)
	}
	if got := r.raw("Product.getData", map[string]any{"id": "p9", "name": "?"}); got != "null" {
		t.Errorf("a product that is not there: %s", got)
	}
}

func TestScheduledEvents(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	jid, _ := r.group("Lunch club", nil, "15550000002@c.us")
	lunch := map[string]any{"$type": "ScheduledEvent", "name": "Lunch", "startTimeTs": 1800000000, "eventSendOptions": map[string]any{"description": "Soup", "location": "Canteen", "callType": "video", "endTimeTs": 1800003600}}
	sent := ask[shape.Message](r, "sendMessage", jid.String(), lunch)
	got := r.arrived(bob, "event", func(m *waE2E.Message) bool { return m.GetEventMessage() != nil }).Message
	event := got.GetEventMessage()
	if sent.Type != "event_creation" || event.GetName() != "Lunch" || event.GetDescription() != "Soup" || event.GetLocation().GetName() != "Canteen" || event.GetStartTime() != 1800000000 || event.GetEndTime() != 1800003600 ||
		!strings.HasPrefix(event.GetJoinLink(), "https://call.whatsapp.com/video/") {
		t.Fatalf("event %v, answered %s", event, sent.Type)
	}
	secret := got.GetMessageContextInfo().GetMessageSecret()
	me := r.me.LID().String()

	if !ask[bool](r, "sendResponseToScheduledEvent", 1, sent.ID.Serialized) {
		t.Error("no answer was sent")
	}
	answer := r.arrived(bob, "answer", func(m *waE2E.Message) bool { return m.GetEncEventResponseMessage() != nil }).Message.GetEncEventResponseMessage()
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

	lunch["name"] = "Dinner"
	lunch["eventSendOptions"] = map[string]any{"isEventCanceled": false}
	edited := ask[shape.Message](r, "Message.editScheduledEvent", sent.ID.Serialized, lunch)
	if edited.Body != "Dinner" || edited.ID.ID != sent.ID.ID {
		t.Errorf("edited %+v", edited)
	}
	change := r.arrived(bob, "edit", func(m *waE2E.Message) bool { return m.GetSecretEncryptedMessage() != nil }).Message.GetSecretEncryptedMessage()
	var content waE2E.Message
	open(t, secret, sent.ID.ID, me, me, whatsmeow.EncSecretEventEdit, change.GetEncPayload(), change.GetEncIV(), &content)
	if content.GetEventMessage().GetName() != "Dinner" || change.GetSecretEncType() != waE2E.SecretEncryptedMessage_EVENT_EDIT {
		t.Errorf("edit %v", &content)
	}
	for field, bad := range map[string]map[string]any{
		"params[1].name":                      {"$type": "ScheduledEvent", "startTimeTs": 1},
		"params[1].startTimeTs":               {"$type": "ScheduledEvent", "name": "x"},
		"params[1].eventSendOptions.callType": {"$type": "ScheduledEvent", "name": "x", "startTimeTs": 1, "eventSendOptions": map[string]any{"callType": "smoke"}},
	} {
		if _, err := r.try("", "sendMessage", jid.String(), bad); fieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
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

func TestOlderMessagesAreAskedOfThePhone(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	for _, text := range []string{"first", "second", "third"} {
		r.say(bob, text)
	}
	const chat = "15550000002@c.us"
	r.eventually("all in the mirror", func() bool { return len(ask[[]shape.Message](r, "Chat.fetchMessages", chat)) == 3 })
	// As if the history had begun with the last one.
	if _, err := r.pool.Exec(r.ctx, `delete from messages where instance_id = $1 and body in ('first', 'second')`, instance); err != nil {
		t.Fatal(err)
	}
	if r.raw("Chat.syncHistory", chat) != "true" {
		t.Fatal("nothing was asked")
	}
	await(r, "history", func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND })
	r.eventually("the older ones again", func() bool {
		bodies := map[string]bool{} // all of one second, so in no order
		for _, m := range ask[[]shape.Message](r, "Chat.fetchMessages", chat) {
			bodies[m.Body] = true
		}
		return bodies["first"] && bodies["second"] && bodies["third"]
	})
	if r.raw("syncHistory", "15559999999@c.us") != "false" {
		t.Error("a chat without messages was asked for")
	}
	if _, err := r.Mirror.Oldest(r.ctx, "15559999999@c.us"); err != mirror.ErrNotFound {
		t.Errorf("oldest of nothing: %v", err)
	}
}
