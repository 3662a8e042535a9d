package wwebjs

import (
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

// A number in the form that its account is not registered under leads to the account, and
// the chat is that account's.
func TestASendFindsTheOtherFormOfANumber(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct{ registered, written string }{
		"Brazil, without the 9":    {"5511987654321", "551187654321"},
		"Brazil, with the 9":       {"551191234567", "5511991234567"},
		"Mexico, with the 1":       {"525512345678", "5215512345678"},
		"Argentina, without the 9": {"5491123456789", "541123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			person := r.Contact(c.registered, "Somebody")
			sent := ask[shape.Message](r, "sendMessage", c.written+"@c.us", "hello")
			if sent.To != c.registered+"@c.us" || sent.ID.Remote != c.registered+"@c.us" {
				t.Errorf("sent to %s in the chat %s", sent.To, sent.ID.Remote)
			}
			if got := person.Phone().Received(); len(got) != 1 || got[0].Message.GetConversation() != "hello" {
				t.Errorf("the phone has %d messages", len(got))
			}
		})
	}
	if _, err := r.Try("", "sendMessage", "5511955554444@c.us", "hello"); !fault.Is(err, fault.Refused) {
		t.Errorf("nobody has either form: %v", err)
	}
}

func TestAContactThatIsNotOnWhatsAppIsNone(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	for id, want := range map[string]bool{
		"15550000002@c.us": true, "15550000098@c.us": false, r.Me.PN().User + "@c.us": true,
	} {
		t.Run(id, func(t *testing.T) {
			if c := ask[shape.Contact](r, "getContactById", id); c.IsWAContact != want || c.ID.Serialized != id {
				t.Errorf("%+v", c)
			}
		})
	}
}
