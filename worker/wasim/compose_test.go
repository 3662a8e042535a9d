package wasim_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// message sends a composed message and returns what the client heard of it.
func (r *rig) message(c *client, from, to, message, envelope string) *events.Message {
	r.t.Helper()
	sent := composetest.Message(r.t, r.Server, from, to, message, envelope)
	if sent.Outcome != "delivered" {
		r.t.Errorf("%s to %s, %s: %+v", from, to, envelope, sent)
	}
	return await(c, "message "+sent.ID, func(m *events.Message) bool {
		return m.Info.ID == sent.ID && !proto.Equal(m.RawMessage, &waE2E.Message{}) &&
			m.RawMessage.GetSenderKeyDistributionMessage() == nil
	})
}

func TestComposedAddresses(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	r.account("15550000003", "Carol")
	c, _ := r.pair(alice)
	group, err := r.CreateGroup("Club", alice, bob)
	if err != nil {
		t.Fatal(err)
	}
	pn, lid := bob.PN(), bob.LID()
	as := func(jid types.JID, device uint16) types.JID { jid.Device = device; return jid }
	for name, row := range map[string]struct {
		from, to, envelope string
		chat, sender, alt  types.JID
	}{
		"number":        {"15550000002", "15550000001", ``, lid, lid, pn},
		"LID":           {lid.String(), alice.LID().String(), ``, lid, lid, pn},
		"by number":     {"15550000002", "15550000001", `{"addressing":"pn"}`, pn, pn, lid},
		"device":        {as(lid, 7).String(), "15550000001", ``, lid, as(lid, 7), as(pn, 7)},
		"device number": {as(pn, 9).String(), "15550000001", `{"addressing":"pn"}`, pn, as(pn, 9), as(lid, 9)},
		"no number": {
			"15550000002", "15550000001", `{"attributes":{"sender_pn":null}}`, lid, lid, types.EmptyJID,
		},
		"group":           {"15550000002", group.String(), ``, group, lid, pn},
		"group by number": {"15550000002", group.String(), `{"addressing":"pn"}`, group, pn, lid},
		"group device":    {as(lid, 7).String(), group.String(), ``, group, as(lid, 7), as(pn, 7)},
		"status": {
			"15550000002", "status@broadcast", `{"addressing":"lid","attributes":{"participant_pn":null}}`,
			types.StatusBroadcastJID, lid, types.EmptyJID,
		},
		"list": {
			"15550000002", "123456@broadcast", `{"receivers":["15550000001"]}`,
			types.NewJID("123456", types.BroadcastServer), lid, types.EmptyJID,
		},
		"own": {
			"15550000001", "15550000002", `{"fromMe":true}`, lid, alice.LID(), types.EmptyJID,
		},
		"own, chat by number": {
			"15550000001", "15550000002", `{"fromMe":true,"recipientAddressing":"pn"}`, pn, alice.LID(), types.EmptyJID,
		},
		"own, by number": {
			"15550000001", "15550000002", `{"fromMe":true,"addressing":"pn","recipientAddressing":"lid"}`,
			lid, alice.PN(), types.EmptyJID,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"conversation":"` + name + `"}`
			m := r.message(c, row.from, row.to, text, row.envelope)
			if m.Info.Chat != row.chat || m.Info.Sender != row.sender ||
				m.Info.IsFromMe != strings.HasPrefix(name, "own") || m.Message.GetConversation() != name {
				t.Errorf("got %+v", m.Info)
			}
			if !strings.HasPrefix(name, "own") && m.Info.Chat.Server != types.BroadcastServer && m.Info.SenderAlt != row.alt {
				t.Errorf("other form %s, want %s", m.Info.SenderAlt, row.alt)
			}
		})
	}
}

func TestComposedEnvelopes(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, _ := r.pair(alice)

	m := r.message(c, "15550000002", "15550000001", `{"documentWithCaptionMessage":{"message":{"documentMessage":{"caption":"c"}}}}`,
		`{"id":"FIXED","timestamp":1700000000,"pushName":"Bobby","edit":"8","category":"x","type":"media",
		"enc":{"mediatype":"url"},"children":[{"tag":"meta","attributes":{"thread_msg_id":"T1"}},{"tag":"multicast"}]}`)
	if m.Info.ID != "FIXED" || m.Info.Timestamp.Unix() != 1700000000 || m.Info.PushName != "Bobby" ||
		m.Info.Edit != "8" || m.Info.Category != "x" || m.Info.Type != "media" || m.Info.MediaType != "url" ||
		m.Info.MsgMetaInfo.ThreadMessageID != "T1" || !m.Info.Multicast || !m.IsDocumentWithCaption {
		t.Errorf("got %+v", m.Info)
	}

	sent := composetest.Message(t, r.Server, "15550000002", "15550000001", "",
		`{"children":[{"tag":"unavailable","attributes":{"type":"view_once"}}]}`)
	u := await(c, "unavailable", func(u *events.UndecryptableMessage) bool { return u.Info.ID == sent.ID })
	if sent.Outcome != "delivered" || u.UnavailableType != events.UnavailableTypeViewOnce || u.Info.Chat != bob.LID() {
		t.Errorf("%+v: %+v", sent, u)
	}

	sent = composetest.Message(t, r.Server, "15550000002", "15550000001", `{"conversation":"x"}`, `{"attributes":{"t":null}}`)
	if sent.Outcome != "refused" || sent.Devices[0].Code != strconv.Itoa(whatsmeow.NackParsingError) {
		t.Errorf("without a time: %+v", sent)
	}
	sent = composetest.Message(t, r.Server, "15550000002", "15550000001", `{"conversation":"x"}`, `{"enc":{"type":"none"},"wait":"0s"}`)
	if sent.Outcome != "waiting" {
		t.Errorf("not waited for: %+v", sent)
	}
}

// A device that has lost its session asks again, and gets the same message in the same stanza.
func TestComposedRetries(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, _ := r.pair(alice)
	group, err := r.CreateGroup("Club", alice, bob)
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"chat": "15550000001", "group": group.String()} {
		for _, as := range []uint16{0, 7} {
			t.Run(fmt.Sprintf("%s from device %d", name, as), func(t *testing.T) {
				from := bob.LID()
				from.Device = as
				r.message(c, from.String(), to, `{"conversation":"first"}`, ``)
				if err := c.Store.Sessions.DeleteSession(r.ctx, from.SignalAddress().String()); err != nil {
					t.Fatal(err)
				}
				sent := composetest.Message(t, r.Server, from.String(), to, `{"conversation":"second"}`,
					`{"pushName":"Bobby","enc":{"mediatype":"url"}}`)
				if sent.Outcome != "delivered" || sent.Devices[0].Retries != 1 {
					t.Errorf("sent %+v", sent)
				}
				m := await(c, "second", func(m *events.Message) bool {
					return m.Info.ID == sent.ID && m.Message.GetConversation() == "second"
				})
				if m.Info.PushName != "Bobby" || m.Info.MediaType != "url" || m.Info.Sender != from {
					t.Errorf("got %+v", m.Info)
				}
			})
		}
	}
}

func TestComposedHistory(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, _ := r.pair(alice)
	group, err := r.CreateGroup("Club", alice, bob)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		to, envelope, chat string
		own                bool
	}{
		"on demand": {"15550000001", `{"asIfHistory":true,"history":{"conversation":{"ephemeralExpiration":86400},
			"webMessage":{"starred":true}}}`, bob.LID().String(), false},
		"initial, by number": {"15550000001", `{"asIfHistory":true,"addressing":"pn","history":{"type":"initial_bootstrap"}}`, bob.PN().String(), false},
		"group":              {group.String(), `{"asIfHistory":true}`, group.String(), false},
	} {
		t.Run(name, func(t *testing.T) {
			sent := composetest.Message(t, r.Server, "15550000002", row.to, `{"conversation":"old"}`, row.envelope)
			h := await(c, "history", func(h *events.HistorySync) bool {
				return len(h.Data.Conversations) == 1 && len(h.Data.Conversations[0].Messages) == 1 &&
					h.Data.Conversations[0].Messages[0].Message.GetKey().GetID() == sent.ID
			})
			got := h.Data.Conversations[0]
			message := got.Messages[0].Message
			if got.GetID() != row.chat || message.GetMessage().GetConversation() != "old" || message.GetKey().GetFromMe() != row.own {
				t.Errorf("got %v", got)
			}
			if name == "on demand" && (got.GetEphemeralExpiration() != 86400 || !message.GetStarred()) {
				t.Errorf("got %v", got)
			}
		})
	}
	sent := composetest.Message(t, r.Server, "15550000001", "15550000002", `{"conversation":"old"}`, `{"asIfHistory":true,"fromMe":true}`)
	await(c, "own history", func(h *events.HistorySync) bool {
		return len(h.Data.Conversations) == 1 && h.Data.Conversations[0].GetID() == bob.LID().String() &&
			h.Data.Conversations[0].Messages[0].Message.GetKey().GetID() == sent.ID &&
			h.Data.Conversations[0].Messages[0].Message.GetKey().GetFromMe()
	})
}

func TestComposedMedia(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, _ := r.pair(alice)
	channel := bob.CreateChannel("News", "")
	if err := alice.FollowChannel(channel, false); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		to    string
		plain bool
	}{"chat": {"15550000001", false}, "channel": {channel.String(), true}} {
		t.Run(name, func(t *testing.T) {
			file := []byte("a picture for the " + name)
			m := r.message(c, "15550000002", row.to,
				`{"imageMessage":`+composetest.Media(t, r.Server, "image", "image/png", row.plain, file)+`}`, ``)
			image := m.Message.GetImageMessage()
			if (image.MediaKey == nil) != row.plain || image.GetMimetype() != "image/png" {
				t.Errorf("got %v", image)
			}
			got, err := c.Download(r.ctx, image)
			if err != nil || string(got) != string(file) {
				t.Errorf("downloaded %q, %v", got, err)
			}
		})
	}
	state, _ := r.Channel(channel)
	if len(state.Posts) != 1 || state.Posts[0].Message.GetImageMessage() == nil {
		t.Errorf("posts %v", state.Posts)
	}
}

// A vote decrypts when it is sealed for the forms that whatsmeow takes from stanza and key, and
// for no other.
func TestComposedVotes(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, carol := r.account("15550000001", "Alice"), r.account("15550000002", "Bob"), r.account("15550000003", "Carol")
	c, _ := r.pair(alice)
	group, err := r.CreateGroup("Club", alice, bob, carol)
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	secret[0] = 7
	forms := map[string]func(pn, lid types.JID) types.JID{
		"pn":  func(pn, _ types.JID) types.JID { return pn },
		"lid": func(_, lid types.JID) types.JID { return lid },
	}
	for author, authorForm := range forms {
		poll := r.message(c, "15550000002", group.String(), fmt.Sprintf(
			`{"pollCreationMessage":{"name":"Lunch?","options":[{"optionName":"Yes"}]},"messageContextInfo":{"messageSecret":%q}}`,
			base64.StdEncoding.EncodeToString(secret)), `{"addressing":"`+author+`"}`)
		for voter, voterForm := range forms {
			sealed := composetest.Seal(t, compose.Sealing{
				Kind: "pollVote", OriginalSender: authorForm(bob.PN(), bob.LID()).String(),
				Sender:   voterForm(carol.PN(), carol.LID()).String(),
				TargetID: poll.Info.ID, Secret: secret, Options: []string{"Yes"}, Chat: group.String(),
			})
			for travels := range forms {
				t.Run(author+" "+voter+" "+travels, func(t *testing.T) {
					m := r.message(c, "15550000003", group.String(), sealed, `{"addressing":"`+travels+`"}`)
					vote, err := c.DecryptPollVote(r.ctx, m)
					if (err == nil) != (voter == travels) {
						t.Fatalf("decrypts %v: %v", err == nil, err)
					}
					if err == nil && len(vote.SelectedOptions) != 1 {
						t.Errorf("vote %v", vote)
					}
				})
			}
		}
	}
	target := r.message(c, "15550000002", group.String(), fmt.Sprintf(
		`{"conversation":"first","messageContextInfo":{"messageSecret":%q}}`, base64.StdEncoding.EncodeToString(secret)), ``)
	seal := func(kind, payload string) *events.Message {
		return r.message(c, "15550000002", group.String(), composetest.Seal(t, compose.Sealing{
			Kind: kind, OriginalSender: bob.LID().String(), Sender: bob.LID().String(), TargetID: target.Info.ID,
			Secret: secret, Payload: json.RawMessage(payload), Chat: group.String(),
		}), ``)
	}
	if got, err := c.DecryptReaction(r.ctx, seal("reaction", `{"text":"👍"}`)); err != nil || got.GetText() != "👍" {
		t.Errorf("reaction %v, %v", got, err)
	}
	if got, err := c.DecryptComment(r.ctx, seal("comment", `{"conversation":"second"}`)); err != nil || got.GetConversation() != "second" {
		t.Errorf("comment %v, %v", got, err)
	}
	for _, kind := range []string{"messageEdit", "eventEdit", "pollEdit"} {
		got, err := c.DecryptSecretEncryptedMessage(r.ctx, seal(kind, `{"conversation":"changed"}`))
		if err != nil || got.GetConversation() != "changed" {
			t.Errorf("%s %v, %v", kind, got, err)
		}
	}
}

func TestComposedRefusals(t *testing.T) {
	r := newRig(t, nil)
	alice := r.account("15550000001", "Alice")
	r.account("15550000002", "Bob")
	_, device := r.pair(alice)
	linked := device.LID()
	for name, row := range map[string]struct{ from, to, message, envelope, want string }{
		"field":      {"15550000002", "15550000001", `{"conversatoin":"x"}`, ``, `message: proto: (line 1:2): unknown field "conversatoin"`},
		"value":      {"15550000002", "15550000001", `{"conversation":7}`, ``, `conversation`},
		"from":       {"15550000009", "15550000001", `{}`, ``, `from: "15550000009": no such account`},
		"no JID":     {"@", "15550000001", `{}`, ``, `from: "@" is neither`},
		"speaks":     {linked.String(), "15550000001", `{}`, ``, `from: device 1 is linked`},
		"to":         {"15550000002", "15550000002", `{}`, ``, `to: no device`},
		"nobody":     {"15550000002", "15550000009", `{}`, ``, `to: "15550000009": no such account`},
		"group":      {"15550000002", "1@g.us", `{}`, ``, `to: "1@g.us": no such group`},
		"channel":    {"15550000002", "1@newsletter", `{}`, ``, `to: "1@newsletter": no such channel`},
		"list":       {"15550000002", "1@broadcast", `{}`, ``, `envelope.receivers: `},
		"addressing": {"15550000002", "15550000001", `{}`, `{"addressing":"number"}`, `envelope.addressing: "number"`},
		"wait":       {"15550000002", "15550000001", `{}`, `{"wait":"1h"}`, `envelope.wait: `},
		"history":    {"15550000002", "15550000001", `{}`, `{"asIfHistory":true,"history":{"type":"no"}}`, `envelope.history.type: "no"`},
		"attribute":  {"15550000002", "15550000001", `{}`, `{"attributes":{"from":[]}}`, `envelope.attributes.from: `},
		"child":      {"15550000002", "15550000001", `{}`, `{"children":[{"tag":"meta","text":"x","base64":"AA=="}]}`, `envelope.children[0]: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := composetest.Try(t, r.Server, row.from, row.to, row.message, row.envelope)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
	many := `{"children":[` + strings.TrimSuffix(strings.Repeat(`{"tag":"a"},`, 300), ",") + `]}`
	if _, err := composetest.Try(t, r.Server, "15550000002", "15550000001", `{}`, many); err == nil {
		t.Error("300 children were taken")
	}
	large := `{"conversation":"` + strings.Repeat("x", compose.MaxMessage) + `"}`
	if _, err := composetest.Try(t, r.Server, "15550000002", "15550000001", large, ``); err == nil {
		t.Error("a message of more than the most was taken")
	}
	for name, sealing := range map[string]compose.Sealing{
		"kind":           {},
		"originalSender": {Kind: "reaction"},
		"sender":         {Kind: "reaction", OriginalSender: "1"},
		"targetId":       {Kind: "reaction", OriginalSender: "1", Sender: "2"},
		"secret":         {Kind: "reaction", OriginalSender: "1", Sender: "2", TargetID: "A"},
		"payload":        {Kind: "reaction", OriginalSender: "1", Sender: "2", TargetID: "A", Secret: make([]byte, 32)},
	} {
		if _, err := compose.Seal(sealing); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("seal without %s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err := compose.Send(ended, r.Server, compose.Request{From: "15550000002", To: "15550000001", Message: json.RawMessage(`{}`)}); err == nil {
		t.Error("sent after the end")
	}
}
