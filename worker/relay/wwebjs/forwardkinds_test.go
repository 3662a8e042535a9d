package wwebjs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/compose/composetest"
	"whatsapp-manager/worker/wasim/phone"
)

// nextOf returns what a phone gets after the messages that it has.
func nextOf(r *rig, p *phone.Phone, do func()) phone.Received {
	r.T.Helper()
	had := len(p.Received())
	do()
	r.Eventually("the next message", func() bool { return len(p.Received()) > had })
	return p.Received()[had]
}

// TestDocumentWithCaptionIsReused: phones look for the caption of a document in its wrapper only,
// also when it is sent on. That an edit has the wrapper, too, is a guess.
func TestDocumentWithCaptionIsReused(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	sent := ask[shape.Message](r, "sendMessage", "15550000002@c.us",
		map[string]any{"mimetype": "application/pdf", "data": b64([]byte("%PDF-1.4")), "filename": "a.pdf"}, map[string]any{"caption": "first"})
	r.Arrived(bob, "the document", func(m *waE2E.Message) bool { return m.DocumentWithCaptionMessage != nil })
	forwarded := nextOf(r, carol.Phone(), func() { ask[any](r, "Message.forward", sent.ID.Serialized, "15550000003@c.us") })
	doc := forwarded.Message.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
	if doc.GetCaption() != "first" || doc.GetFileName() != "a.pdf" || len(doc.GetMediaKey()) != 32 {
		t.Errorf("sent on: %v", forwarded.Message)
	}
	if data, err := carol.Phone().Download(message.Unwrap(forwarded.Message).Message); err != nil || string(data) != "%PDF-1.4" {
		t.Errorf("its file: %q %v", data, err)
	}
	change := nextOf(r, bob.Phone(), func() {
		if m := ask[*shape.Message](r, "Message.edit", sent.ID.Serialized, "second"); m == nil || m.Body != "second" {
			t.Errorf("edited: %+v", m)
		}
	})
	what := message.Unwrap(change.Message).Message.GetProtocolMessage()
	doc = what.GetEditedMessage().GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
	if what.GetType() != waE2E.ProtocolMessage_MESSAGE_EDIT || what.GetKey().GetID() != sent.ID.ID || doc.GetCaption() != "second" || doc.GetFileName() != "a.pdf" {
		t.Errorf("the edit: %v", change.Message)
	}
	again := nextOf(r, carol.Phone(), func() { ask[any](r, "Message.forward", sent.ID.Serialized, "15550000003@c.us") })
	if got := message.Read(again.Message); got.Caption != "second" {
		t.Errorf("sent on after the edit: %q", got.Caption)
	}
}

// TestDisappearingMessagesAreForwarded: in a chat that does not disappear they are like any other.
func TestDisappearingMessagesAreForwarded(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	file := composetest.Media(t, r.Sim, "image", "image/png", false, []byte("a file"))
	for name, content := range map[string]string{
		"text":     `"extendedTextMessage":{"text":"x","contextInfo":$}`,
		"image":    `"imageMessage":{"caption":"x","contextInfo":$,` + file[1:],
		"video":    `"videoMessage":{"contextInfo":$,` + file[1:],
		"audio":    `"audioMessage":{"PTT":true,"contextInfo":$,` + file[1:],
		"sticker":  `"stickerMessage":{"contextInfo":$,` + file[1:],
		"document": `"documentWithCaptionMessage":{"message":{"documentMessage":{"caption":"x","contextInfo":$,` + file[1:] + `}}`,
		"place":    `"locationMessage":{"degreesLatitude":1,"degreesLongitude":2,"contextInfo":$}`,
		"card":     `"contactMessage":{"displayName":"x","vcard":"BEGIN:VCARD\nEND:VCARD","contextInfo":$}`,
		"cards":    `"contactsArrayMessage":{"displayName":"x","contacts":[{"displayName":"y"}],"contextInfo":$}`,
		"event":    `"eventMessage":{"name":"x","startTime":"2000000000","contextInfo":$},"messageContextInfo":{"messageSecret":"AAAA"}`,
		"template": `"templateMessage":{"hydratedTemplate":{"hydratedContentText":"x","documentMessage":` + file + `},"contextInfo":$}`,
	} {
		for _, wrapped := range []bool{true, false} {
			t.Run(fmt.Sprint(name, wrapped), func(t *testing.T) {
				raw := "{" + strings.ReplaceAll(content, "$", `{"expiration":86400,"quotedMessage":{"conversation":"secret"}}`) + "}"
				if wrapped {
					raw = `{"ephemeralMessage":{"message":` + raw + `}}`
				}
				came := r.Message(bob.Number(), r.Me.Number(), raw, "")
				got := nextOf(r, carol.Phone(), func() {
					ask[any](r, "Message.forward", "false_15550000002@c.us_"+came.Info.ID, "15550000003@c.us")
				})
				before, now := message.Read(came.RawMessage), message.Read(got.Message)
				if now.Field != before.Field || now.Text != before.Text || now.Caption != before.Caption || now.Ephemeral ||
					(now.File == nil) != (before.File == nil) {
					t.Errorf("came as %+v, sent on as %+v", before, now)
				}
				if !now.Context.GetIsForwarded() || now.Context.GetForwardingScore() != 1 || now.Context.GetExpiration() != 0 || now.Context.GetQuotedMessage() != nil {
					t.Errorf("its context: %v", now.Context)
				}
			})
		}
	}
}

// TestAForwardedPollIsOneOfItsOwn: it has its own secret, and votes in it count.
func TestAForwardedPollIsOneOfItsOwn(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	for _, field := range []string{"pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5"} {
		t.Run(field, func(t *testing.T) {
			first := strings.Repeat("A", 43) + "="
			came := r.Message(bob.Number(), r.Me.Number(), `{"ephemeralMessage":{"message":{"`+field+`":{"name":"Lunch?","options":[{"optionName":"Soup"},
				{"optionName":"Salad"}],"selectableOptionsCount":1}}},"messageContextInfo":{"messageSecret":"`+first+`"}}`, "")
			got := nextOf(r, carol.Phone(), func() {
				ask[any](r, "Message.forward", "false_15550000002@c.us_"+came.Info.ID, "15550000003@c.us")
			})
			secret := message.Read(got.Message).Secret
			if len(secret) != 32 || base64.StdEncoding.EncodeToString(secret) == first || len(message.Poll(message.Unwrap(got.Message).Message).GetOptions()) != 2 {
				t.Fatalf("sent on: %v", got.Message)
			}
			cast := r.Message(carol.Number(), r.Me.Number(), composetest.Seal(t, compose.Sealing{
				Kind: "pollVote", OriginalSender: r.Me.PN().String(), Sender: carol.PN().String(), TargetID: got.ID,
				Secret: secret, Options: []string{"Salad"}, Chat: r.Me.PN().String(),
			}), `{"addressing":"pn"}`)
			id := "true_15550000003@c.us_" + got.ID
			salad := sha256.Sum256([]byte("Salad"))
			if chosen, err := r.Client.DecryptPollVote(r.Ctx, cast); err != nil || len(chosen.GetSelectedOptions()) != 1 || !bytes.Equal(chosen.SelectedOptions[0], salad[:]) {
				t.Errorf("a vote in it: %v %v", chosen, err)
			}
			ask[any](r, "Message.vote", id, []string{"Soup"})
			if votes := ask[[]shape.PollVote](r, "getPollVotes", id); len(votes) != 1 || votes[0].SelectedOptions[0].Name != "Soup" {
				t.Errorf("the own vote: %+v", votes)
			}
		})
	}
}

// TestOnlyViewOnceIsNotForwarded, in each of its wrappers.
func TestOnlyViewOnceIsNotForwarded(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	file := composetest.Media(t, r.Sim, "image", "image/png", false, []byte("once"))
	for name, raw := range map[string]string{
		"V1": `{"viewOnceMessage":{"message":{"imageMessage":` + file + `}}}`,
		"V2": `{"viewOnceMessageV2":{"message":{"videoMessage":` + file + `}}}`,
		"V3": `{"ephemeralMessage":{"message":{"viewOnceMessageV2Extension":{"message":{"audioMessage":` + file + `}}}}}`,
		"of": `{"imageMessage":{"viewOnce":true,` + file[1:] + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			came := r.Message(bob.Number(), r.Me.Number(), raw, "")
			_, err := r.Try("", "Message.forward", "false_15550000002@c.us_"+came.Info.ID, "15550000002@c.us")
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Conflict || !strings.Contains(f.Msg, "seen once") {
				t.Errorf("sent on: %v", err)
			}
		})
	}
}

// TestQuotesDoNotGrow: after six rounds of answers a quote is as large as after one.
func TestQuotesDoNotGrow(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	file := composetest.Media(t, r.Sim, "image", "image/png", false, relaytest.Picture(t, 40, 40))
	id, sizes := "", []int{}
	quote := "{}"
	for round := range 6 {
		came := r.Message(bob.Number(), r.Me.Number(), `{"imageMessage":{"caption":"round","contextInfo":`+quote+`,`+file[1:]+`}`, "")
		id = "false_15550000002@c.us_" + came.Info.ID
		got := nextOf(r, bob.Phone(), func() {
			ask[shape.Message](r, "Message.reply", id, map[string]any{"mimetype": "image/png", "data": b64(relaytest.Picture(t, 30, 30))})
		})
		info := message.Read(got.Message).Context
		if info.GetStanzaID() != came.Info.ID || info.GetQuotedMessage().GetImageMessage().GetContextInfo() != nil {
			t.Errorf("round %d quotes %v", round, info)
		}
		sizes = append(sizes, proto.Size(info))
		// Bob quotes the answer with all that it holds, as some programs do.
		whole, err := protojson.Marshal(got.Message)
		if err != nil {
			t.Fatal(err)
		}
		quote = fmt.Sprintf(`{"stanzaID":%q,"participant":%q,"quotedMessage":%s}`, got.ID, r.Me.LID(), whole)
	}
	for _, size := range sizes {
		if size > sizes[0]+4 {
			t.Errorf("the quotes have %d bytes", sizes)
		}
	}
}
