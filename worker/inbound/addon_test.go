package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/wasim/compose"
)

// What whatsmeow's store offers fits what is asked for here.
var _ Secrets = store.MsgSecretStore(nil)

// addons are one of each kind of sealed part, and what becomes of it when it opens.
var addons = map[string]struct {
	kind, payload string
	options       []string
	is            func(op Op) bool
	closed        string // kind of the unreadable part
}{
	"vote": {kind: "pollVote", options: []string{"Yes"}, closed: "vote", is: func(op Op) bool {
		v, ok := op.(*Vote)
		return ok && len(v.Hashes) == 1 && !v.Unreadable && v.Target == "T" && v.AtMs > 0
	}},
	"reaction": {kind: "reaction", payload: `{"text":"+"}`, closed: "reaction", is: func(op Op) bool {
		r, ok := op.(*Reaction)
		return ok && r.Text == "+" && r.Target == "T"
	}},
	"edit": {kind: "messageEdit", payload: `{"protocolMessage":{"editedMessage":{"conversation":"new"},"timestampMS":"77"}}`, closed: "edit", is: func(op Op) bool {
		e, ok := op.(*Edit)
		return ok && e.Raw.GetConversation() == "new" && e.AtMs == 77 && e.Target == "T"
	}},
	"event edit": {kind: "eventEdit", payload: `{"eventMessage":{"name":"Party"}}`, closed: "edit", is: func(op Op) bool {
		e, ok := op.(*Edit)
		return ok && e.Raw.GetEventMessage().GetName() == "Party"
	}},
	"poll edit": {kind: "pollEdit", payload: `{"protocolMessage":{"type":"MESSAGE_EDIT","editedMessage":{"pollCreationMessageV3":{"name":"When?"}},"timestampMS":"78"}}`, closed: "edit", is: func(op Op) bool {
		e, ok := op.(*Edit)
		return ok && message.Poll(e.Raw).GetName() == "When?" && e.AtMs == 78 && e.Target == "T"
	}},
	"added option": {kind: "pollAddOption", payload: `{"pollAddOptionMessage":{"addOption":{"optionName":"Never"}}}`, closed: "edit", is: func(op Op) bool {
		o, ok := op.(*AddedOption)
		return ok && o.Name == "Never" && o.Target == "T"
	}},
	"added option, sealed as an edit": {kind: "pollAddOptionAsEdit", payload: `{"pollAddOptionMessage":{"addOption":{"optionName":"Never"}}}`, closed: "edit", is: func(op Op) bool {
		o, ok := op.(*AddedOption)
		return ok && o.Name == "Never" && o.Target == "T"
	}},
	"answer to an event": {kind: "eventResponse", payload: `{"response":"GOING","extraGuestCount":2,"timestampMS":"5"}`, closed: "event_response", is: func(op Op) bool {
		r, ok := op.(*EventResponse)
		return ok && r.Response == "going" && r.ExtraGuests == 2 && r.AtMs == 5 && r.Target == "T"
	}},
	"comment": {kind: "comment", payload: `{"conversation":"well said"}`, closed: "comment", is: func(op Op) bool {
		m, ok := op.(*Message)
		return ok && message.Read(m.Raw).Text == "well said" && message.Read(m.Raw).Type == "comment"
	}},
}

// place is where a sealed part arrives, with the people's addresses in the envelope.
type place struct {
	source types.MessageSource
	author map[string]types.JID // of the target, by form
	sender map[string]types.JID
	chat   types.JID // of the target's key, as its sender sees it
}

func places() map[string]place {
	anna := map[string]types.JID{"pn": anna, "lid": lid}
	we := map[string]types.JID{"pn": us.JID.ToNonAD(), "lid": us.LID}
	third := map[string]types.JID{"pn": types.NewJID("4922", types.DefaultUserServer), "lid": types.NewJID("922", types.HiddenUserServer)}
	return map[string]place{
		"to ours, LID envelope":               {types.MessageSource{Chat: lid, Sender: lid}, we, anna, us.LID},
		"to ours, number envelope":            {types.MessageSource{Chat: anna["pn"], Sender: anna["pn"]}, we, anna, us.JID},
		"to their own":                        {types.MessageSource{Chat: lid, Sender: lid}, anna, anna, us.LID},
		"own device, to theirs":               {types.MessageSource{Chat: lid, Sender: us.LID, IsFromMe: true}, anna, we, lid},
		"own device, to ours":                 {types.MessageSource{Chat: anna["pn"], Sender: us.JID, IsFromMe: true}, we, we, anna["pn"]},
		"group, to ours, LID envelope":        {types.MessageSource{Chat: team, Sender: lid, IsGroup: true}, we, anna, team},
		"group, to ours, number envelope":     {types.MessageSource{Chat: team, Sender: anna["pn"], IsGroup: true}, we, anna, team},
		"group, to a third":                   {types.MessageSource{Chat: team, Sender: lid, IsGroup: true}, third, anna, team},
		"group, to their own":                 {types.MessageSource{Chat: team, Sender: lid, IsGroup: true}, anna, anna, team},
		"group, own device, to theirs":        {types.MessageSource{Chat: team, Sender: us.LID, IsFromMe: true, IsGroup: true}, anna, we, team},
		"group, own device by number, to own": {types.MessageSource{Chat: team, Sender: us.JID, IsFromMe: true, IsGroup: true}, we, we, team},
	}
}

func sealed(t *testing.T, kind, payload string, options []string, author, sender, chat types.JID) *waE2E.Message {
	t.Helper()
	sealing := compose.Sealing{
		Kind: kind, OriginalSender: author.String(), Sender: sender.String(), TargetID: "T", Secret: secret,
		Options: options, Chat: chat.ToNonAD().String(),
	}
	if payload != "" {
		sealing.Payload = json.RawMessage(payload)
	}
	raw, err := compose.Seal(sealing)
	if err != nil {
		t.Fatal(err)
	}
	var m waE2E.Message
	if err = protojson.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// A phone seals with either form of both people, whatever form the envelope has, and
// whether the message is ours, theirs or a third person's.
func TestSealedPartsOpenForEveryPairOfForms(t *testing.T) {
	people := book{pairs: map[string]string{"911": "4911", "922": "4922", "900": "4900"}}
	for kind, a := range addons {
		for where, p := range places() {
			for authorForm, author := range p.author {
				for senderForm, sender := range p.sender {
					t.Run(kind+", "+where+", "+authorForm+" "+senderForm, func(t *testing.T) {
						m := arrived(p.source, sealed(t, a.kind, a.payload, a.options, author, sender, p.chat))
						c, ok := translate(t, keyring{book: people}, m)
						if !ok || !a.is(c.Op) || c.Unreadable != "" {
							t.Errorf("became %T %+v, unreadable %q", c.Op, c.Op, c.Unreadable)
						}
					})
				}
			}
		}
	}
}

// The other form of the sender is told by the envelope only: nobody has stored the pair.
func TestSealedPartWithThePairInItsEnvelope(t *testing.T) {
	vote := sealed(t, "pollVote", "", []string{"Yes"}, us.LID, anna, team)
	c, _ := translate(t, keyring{}, arrived(types.MessageSource{Chat: team, Sender: lid, SenderAlt: anna, IsGroup: true}, vote))
	if v, ok := c.Op.(*Vote); !ok || v.Unreadable || v.Voter != "4911@c.us" {
		t.Errorf("became %+v", c.Op)
	}
}

// A vote says itself when it was given, and its key whose the poll is.
func TestASealedVoteTellsItsTimeAndItsPoll(t *testing.T) {
	vote := sealed(t, "pollVote", "", []string{"Yes"}, us.JID.ToNonAD(), anna, anna)
	vote.PollUpdateMessage.SenderTimestampMS = proto.Int64(9)
	vote.PollUpdateMessage.PollCreationMessageKey = &waCommon.MessageKey{ID: proto.String("T")}
	c, _ := translate(t, keyring{}, arrived(types.MessageSource{Chat: anna, Sender: anna}, vote))
	if v, ok := c.Op.(*Vote); !ok || v.Unreadable || v.AtMs != 9 || !v.TargetFromMe {
		t.Errorf("became %+v", c.Op)
	}
}

// What cannot be opened is said, and shown where there is a place for it.
func TestSealedPartsThatStayClosed(t *testing.T) {
	source := types.MessageSource{Chat: team, Sender: anna, IsGroup: true}
	stranger := types.NewJID("4999", types.DefaultUserServer)
	for kind, a := range addons {
		t.Run(kind, func(t *testing.T) {
			c, _ := translate(t, keyring{}, arrived(source, sealed(t, a.kind, a.payload, a.options, us.LID, stranger, team)))
			if c.Unreadable != a.closed {
				t.Errorf("unreadable %q, want %q", c.Unreadable, a.closed)
			}
			switch op := c.Op.(type) {
			case *Vote:
				if kind != "vote" || !op.Unreadable || op.Voter != "4911@c.us" {
					t.Errorf("became %+v", op)
				}
			case *Message:
				if kind != "comment" || op.Type != "ciphertext" || op.Raw != nil {
					t.Errorf("became %+v", op)
				}
			case nil:
			default:
				t.Errorf("became %T", op)
			}
		})
	}
	t.Run("an option that is none", func(t *testing.T) {
		c, _ := translate(t, keyring{}, arrived(source, sealed(t, "pollAddOption", `{"conversation":"x"}`, nil, us.LID, anna, team)))
		if c.Op != nil || c.Unreadable != "edit" {
			t.Errorf("became %+v, %q", c.Op, c.Unreadable)
		}
	})
	t.Run("an edit of a kind that nobody knows", func(t *testing.T) {
		c, _ := translate(t, keyring{}, arrived(source, sealed(t, "schedule", `{"conversation":"x"}`, nil, us.LID, anna, team)))
		if c.Op != nil || c.Unreadable != "edit" {
			t.Errorf("became %+v, %q", c.Op, c.Unreadable)
		}
	})
}

// A store that is away is no reason to lose a vote: the event is translated again.
func TestSealedPartsWaitForTheStore(t *testing.T) {
	away := errors.New("connection refused")
	source := types.MessageSource{Chat: team, Sender: anna, IsGroup: true}
	vote := arrived(source, sealed(t, "pollVote", "", []string{"Yes"}, us.LID, anna, team))
	for name, ids := range map[string]IDs{"secrets": keyring{fails: away}, "pairs": keyring{book: book{err: away}}} {
		t.Run(name, func(t *testing.T) {
			if c, _, err := Translate(context.Background(), us, ids, vote); !errors.Is(err, away) {
				t.Errorf("became %+v, %v", c.Op, err)
			}
		})
	}
}
