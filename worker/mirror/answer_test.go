package mirror

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func (b *bench) party(id string) {
	raw := &waE2E.Message{EventMessage: &waE2E.EventMessage{Name: proto.String("Party")}}
	b.apply(&inbound.Message{Chat: teamID, ID: id, Sender: annaID, At: time.Unix(1000, 0), Raw: raw, Ack: 1})
}

func comes(event, id, sender, response string, at int64) *inbound.EventResponse {
	return &inbound.EventResponse{
		Chat: teamID, Target: event, TargetSender: annaID, ID: id, Sender: sender, Response: response, ExtraGuests: 1, AtMs: at,
	}
}

// Each person's newest answer is kept, whatever the order in which they come, and one person
// once, though the answers came under both ids.
func TestAnswersToAnEventAreKept(t *testing.T) {
	b := newBench(t)
	b.Consult(&directory{bench: b})
	b.party("E")
	b.expect("event_response event_response event_response event_response ", func() {
		b.apply(comes("E", "A1", "4922@c.us", "maybe", 1))
		b.apply(comes("E", "A3", "4922@c.us", "going", 3))
		b.apply(comes("E", "A2", "4922@c.us", "not_going", 2)) // late
		b.apply(comes("E", "A3", "4922@c.us", "going", 3))     // again
		b.apply(comes("E", "B1", "933@lid", "going", 4))
		own := comes("E", "C1", "4900@c.us", "not_going", 5)
		own.FromMe = true
		b.apply(own)
	})
	read := func() (all []string) {
		answers, err := b.EventResponses(b.ctx, "E")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			all = append(all, a.SenderID+" "+a.SenderLID+" "+a.Response)
			if a.ParentMessage.Data.EventName != "Party" || a.ParentMsgKey.ID != "E" || a.ExtraGuestCount != 1 {
				t.Errorf("answer %+v", a)
			}
		}
		return all
	}
	same(t, "answers", read(), []string{"4922@c.us  going", "933@lid 933@lid going", "4900@c.us 900@lid not_going"})
	b.pair("933", "4933")
	b.apply(comes("E", "B2", "4933@c.us", "maybe", 6))
	same(t, "answers", read(), []string{"4922@c.us  going", "4900@c.us 900@lid not_going", "4933@c.us 933@lid maybe"})

	b.apply(comes("later", "D1", "4922@c.us", "going", 1))
	b.party("later")
	if answers, err := b.EventResponses(b.ctx, "later"); err != nil || len(answers) != 1 {
		t.Errorf("an answer before its event: %v, %v", answers, err)
	}
}

func TestMarksOfThePastAreKept(t *testing.T) {
	b := newBench(t)
	part := inbound.Past{Messages: []inbound.Message{
		{
			Chat: teamID, ID: "P", Sender: annaID, At: time.Unix(1000, 0), Raw: pollOf("Lunch?", "Yes", "No"),
			Votes: []inbound.Vote{{Voter: annaID, Target: "P", Hashes: hashes("No"), AtMs: 5}},
			Keep:  &inbound.Keep{Target: "P", ID: "K", By: annaID, On: true, AtMs: 7},
		},
		{
			Chat: teamID, ID: "E", Sender: annaID, At: time.Unix(1000, 0), Raw: &waE2E.Message{EventMessage: &waE2E.EventMessage{}},
			Answers: []inbound.EventResponse{{Target: "E", Sender: annaID, Response: "going", AtMs: 5}},
		},
	}}
	b.expect("", func() {
		b.apply(&inbound.History{Each: func(yield func(inbound.Past) error) error { return yield(part) }})
	})
	votes, err := b.PollVotes(b.ctx, "P")
	if err != nil || len(votes) != 1 || votes[0].SelectedOptions[0].Name != "No" {
		t.Errorf("votes %+v, %v", votes, err)
	}
	answers, err := b.EventResponses(b.ctx, "E")
	if err != nil || len(answers) != 1 || answers[0].Response != "going" {
		t.Errorf("answers %+v, %v", answers, err)
	}
	if d := b.message("P").Data; d.KicState != "KEPT" || d.KeptCount != 1 || d.KicTimestampMs != 7 || d.KicKey.Participant != annaID {
		t.Errorf("kept %+v", d.Kic)
	}
}

// The rules are those of WhatsApp Web's processKeepInChatMessage.
func TestKeptMessages(t *testing.T) {
	const author, other, third = annaID, "4922@c.us", "4933@c.us"
	type keep struct {
		by, id string
		on     bool
		at     int64
	}
	for name, row := range map[string]struct {
		keeps []keep
		want  string
		count int
		id    string
	}{
		"never":                          {nil, "", 0, ""},
		"kept":                           {[]keep{{other, "K1", true, 1}}, "KEPT", 1, "K1"},
		"kept twice":                     {[]keep{{other, "K1", true, 1}, {third, "K2", true, 2}}, "KEPT", 2, "K2"},
		"undone":                         {[]keep{{other, "K1", true, 1}, {other, "K2", false, 2}}, "UNKEPT", 1, "K2"},
		"undone and kept by another":     {[]keep{{other, "K1", true, 1}, {other, "K2", false, 2}, {third, "K3", true, 3}}, "KEPT", 2, "K3"},
		"an older one comes late":        {[]keep{{other, "K2", false, 2}, {other, "K1", true, 1}}, "UNKEPT", 0, "K2"},
		"at one time, the greater id":    {[]keep{{other, "K2", true, 1}, {other, "K1", false, 1}}, "KEPT", 1, "K2"},
		"undone by the author, for good": {[]keep{{other, "K1", true, 1}, {author, "K2", false, 2}, {third, "K3", true, 3}}, "UNKEPT", 1, "K2"},
		"kept again by the author":       {[]keep{{author, "K2", false, 2}, {author, "K3", true, 3}}, "KEPT", 1, "K3"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			message := from(author, "M", "hello", 1000)
			message.Chat = teamID
			b.apply(message)
			b.expect("", func() {
				for _, k := range row.keeps {
					b.apply(&inbound.Keep{Chat: teamID, Target: "M", ID: k.id, By: k.by, On: k.on, AtMs: k.at})
				}
				b.apply(&inbound.Keep{Chat: teamID, Target: "nobody has it", ID: "K", By: other, On: true, AtMs: 1})
			})
			d := b.message("M").Data
			if d.KicState != row.want || d.KeptCount != row.count || (d.KicKey == nil) != (row.id == "") || d.KicKey != nil && d.KicKey.ID != row.id {
				t.Errorf("kept %+v", d.Kic)
			}
			found, err := b.Search(b.ctx, "hello", "", 0, 5)
			if err != nil || len(found) != 1 || found[0].Data.KicState != row.want {
				t.Errorf("found %+v, %v", found, err)
			}
		})
	}
	t.Run("revoked", func(t *testing.T) {
		b := newBench(t)
		b.apply(from(annaID, "M", "hello", 1000))
		b.apply(&inbound.Revoke{Chat: annaID, Target: "M", By: annaID, ID: "R", At: time.Unix(1001, 0)})
		b.apply(&inbound.Keep{Chat: annaID, Target: "M", ID: "K", By: annaID, On: true, AtMs: 1})
		same(t, "kept", b.message("M").Data.Kic, shape.Kic{})
	})
}
