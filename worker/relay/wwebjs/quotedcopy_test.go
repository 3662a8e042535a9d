package wwebjs

import (
	"fmt"
	"strings"
	"testing"

	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// A message may quote one from before the account was linked. WhatsApp Web makes a message of
// the copy inside the quote (createQuotedMsgObj of WAWebQuotedMsgModelUtils): its id of
// quotedStanzaID, the chat of quotedRemoteJid or the chat itself, the author of
// quotedParticipant, from and to by whether that is us.
func TestAQuotedMessageFromBeforeThePairing(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	me := r.Me.Number()
	group, _ := r.group("Club", nil, "15550000002@c.us")
	const bobID = "15550000002@c.us"
	meID := me + "@c.us"
	for name, c := range map[string]struct {
		from, to, participant, remote, envelope string
		want                                    shape.MessageID
		fromMe                                  bool
	}{
		"of the other, by number": {
			from: bob.Number(), to: me, participant: bob.PN().String(),
			want: shape.MessageID{Remote: bobID, Serialized: "false_" + bobID + "_OLD"},
		},
		"of the other, by hidden id": {
			from: bob.Number(), to: me, participant: bob.LID().String(),
			want: shape.MessageID{Remote: bobID, Serialized: "false_" + bobID + "_OLD"},
		},
		"our own": {
			from: bob.Number(), to: me, participant: r.Me.PN().String(), fromMe: true,
			want: shape.MessageID{FromMe: true, Remote: bobID, Serialized: "true_" + bobID + "_OLD"},
		},
		"our own, by hidden id": {
			from: bob.Number(), to: me, participant: r.Me.LID().String(), fromMe: true,
			want: shape.MessageID{FromMe: true, Remote: bobID, Serialized: "true_" + bobID + "_OLD"},
		},
		"in a group": {
			from: bob.Number(), to: group.String(), participant: bob.LID().String(),
			want: shape.MessageID{
				Remote: group.String(), Participant: bobID, Serialized: "false_" + group.String() + "_OLD_" + bobID,
			},
		},
		"our own in a group": {
			from: bob.Number(), to: group.String(), participant: r.Me.PN().String(), fromMe: true,
			want: shape.MessageID{
				FromMe: true, Remote: group.String(), Participant: meID, Serialized: "true_" + group.String() + "_OLD_" + meID,
			},
		},
		"our status": {
			from: bob.Number(), to: me, participant: r.Me.PN().String(), remote: "status@broadcast", fromMe: true,
			want: shape.MessageID{
				FromMe: true, Remote: "status@broadcast", Participant: meID, Serialized: "true_status@broadcast_OLD_" + meID,
			},
		},
		"in a message that we sent from the phone": {
			from: me, to: bob.Number(), participant: bob.PN().String(), envelope: `{"fromMe":true}`,
			want: shape.MessageID{Remote: bobID, Serialized: "false_" + bobID + "_OLD"},
		},
		"in the history": {
			from: bob.Number(), to: me, participant: bob.PN().String(), envelope: `{"asIfHistory":true}`,
			want: shape.MessageID{Remote: bobID, Serialized: "false_" + bobID + "_OLD"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := r.quoting(c.from, c.to, c.envelope, fmt.Sprintf(`"stanzaID":"OLD","participant":%q,"remoteJID":%q,
				"quotedMessage":{"imageMessage":{"caption":"long ago","mimetype":"image/png","contextInfo":{"isForwarded":true}}}`,
				c.participant, c.remote))
			got := ask[*shape.Message](r, "Message.getQuotedMessage", sent)
			c.want.ID = "OLD"
			if got == nil || got.ID != c.want {
				t.Fatalf("got %+v, want the id %+v", got, c.want)
			}
			self, from, to := "in", c.want.Remote, meID
			if c.fromMe {
				self, from, to = "out", meID, c.want.Remote
			}
			if got.Type != "image" || got.Body != "long ago" || got.FromMe != c.fromMe || got.Data.Self != self ||
				got.From != from || got.To != to || got.Author != c.want.Participant || got.Data.Mimetype != "image/png" {
				t.Errorf("got %+v", got)
			}
		})
	}
	for name, info := range map[string]string{
		"no copy":   fmt.Sprintf(`"stanzaID":"OLD","participant":%q`, bob.PN().String()),
		"no author": `"stanzaID":"OLD","quotedMessage":{"conversation":"long ago"}`,
		"no id":     fmt.Sprintf(`"participant":%q,"quotedMessage":{"conversation":"long ago"}`, bob.PN().String()),
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask[*shape.Message](r, "Message.getQuotedMessage", r.quoting(bob.Number(), me, "", info)); got != nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// quoting brings a message with this context, waits until it is known, and returns its id.
func (r *rig) quoting(from, to, envelope, info string) string {
	r.T.Helper()
	sent := composetest.Message(r.T, r.Sim, from, to,
		`{"extendedTextMessage":{"text":"remember?","contextInfo":{`+info+`}}}`, envelope)
	chat, fromMe := from+"@c.us", from == r.Me.Number()
	switch {
	case strings.HasSuffix(to, "@g.us"):
		chat = to
	case fromMe:
		chat = to + "@c.us"
	}
	id := fmt.Sprintf("%t_%s_%s", fromMe, chat, sent.ID)
	r.Eventually(id, func() bool { return ask[*shape.Message](r, "getMessageById", id) != nil })
	return id
}
