package worker_test

import (
	"encoding/base64"
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// pollThatChanges edits a poll, adds an option to it and votes for that, each sealed for other
// forms than its envelope has.
func (w *world) pollThatChanges(group types.JID) {
	poll, secret := w.poll(group, "pn")
	seal := func(kind, payload string, options ...string) {
		sealing := compose.Sealing{
			Kind: kind, OriginalSender: w.bob.PN().String(), Sender: w.bob.LID().String(), TargetID: poll, Secret: secret,
			Chat: group.String(), Options: options,
		}
		if payload != "" {
			sealing.Payload = []byte(payload)
		}
		composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), composetest.Seal(w.t, sealing), `{"addressing":"pn"}`)
	}
	told := func(kind, with string) func() bool {
		return func() bool {
			return value[int](w.instance, `select count(*)::int from events where type = $1
				and payload::text like '%' || $2 || '%' and payload::text like '%' || $3 || '%'`, kind, poll, with) > 0
		}
	}
	seal("pollAddOption", `{"pollAddOptionMessage":{"addOption":{"optionName":"Later"}}}`)
	w.eventually("the added option", told("message_edit", `{"name":"Later","localId":2}`))
	seal("pollEdit", `{"protocolMessage":{"type":"MESSAGE_EDIT","timestampMS":"1900000000000",
		"editedMessage":{"pollCreationMessageV3":{"name":"Dinner?","options":[{"optionName":"Yes"},{"optionName":"No"}]}}}}`)
	w.eventually("the edited name", told("message_edit", `"pollName":"Dinner?"`))
	seal("pollVote", "", "Later")
	w.eventually("the vote for the added option", told("vote_update", `"selectedOptions":[{"name":"Later","localId":2}]`))
}

// answerToAnEvent answers an event, sealed for other forms than its envelope has, and changes
// the answer.
func (w *world) answerToAnEvent(group types.JID) {
	secret := make([]byte, 32)
	event := composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), fmt.Sprintf(
		`{"eventMessage":{"name":"Party","startTime":"1900000000"},"messageContextInfo":{"messageSecret":%q}}`,
		base64.StdEncoding.EncodeToString(secret)), `{"addressing":"pn"}`).ID
	for i, answer := range []string{"MAYBE", "GOING"} {
		composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), composetest.Seal(w.t, compose.Sealing{
			Kind: "eventResponse", OriginalSender: w.bob.PN().String(), Sender: w.bob.LID().String(), TargetID: event, Secret: secret,
			Chat: group.String(), Payload: fmt.Appendf(nil, `{"response":%q,"timestampMS":"%d","extraGuestCount":2}`, answer, 1_900_000_000_000+i),
		}), `{"addressing":"pn"}`)
	}
	w.eventually("the newest answer", func() bool {
		return value[int](w.instance, `select count(*)::int from event_responses where message_id = $1 and response = 'going'
			and extra_guests = 2 and sender = $2`, event, w.bob.Number()+"@c.us") == 1
	})
}

// keptMessage keeps a message, and undoes that.
func (w *world) keptMessage(group types.JID) {
	sent := composetest.Message(w.t, w.sim, w.bob.Number(), group.String(),
		`{"extendedTextMessage":{"text":"stays","contextInfo":{"expiration":86400}}}`, ``).ID
	for i, row := range []struct {
		keep string
		kept bool
	}{{"KEEP_FOR_ALL", true}, {"UNDO_KEEP_FOR_ALL", false}} {
		composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), fmt.Sprintf(
			`{"keepInChatMessage":{"key":{"remoteJID":%q,"fromMe":true,"ID":%q},"keepType":%q,"timestampMS":"%d"}}`,
			group, sent, row.keep, 1_900_000_000_000+i), ``)
		w.eventually(row.keep, func() bool {
			return value[int](w.instance, `select count(*)::int from messages where id = $1 and kept = $2 and kept_count = 1`, sent, row.kept) == 1
		})
	}
}

// early keeps a message and adds an option to a poll before either is there, and keeps another
// message by an entry of a history.
func (w *world) early(group types.JID) {
	say := func(message, envelope string) string {
		return composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), message, envelope).ID
	}
	keep := func(id string) string {
		return fmt.Sprintf(`{"keepInChatMessage":{"key":{"remoteJID":%q,"fromMe":true,"ID":%q},"keepType":"KEEP_FOR_ALL","timestampMS":"1900000000000"}}`, group, id)
	}
	const text, poll = "3EB0EA01EA01EA01EA01", "3EB0EA02EA02EA02EA02"
	say(keep(text), ``)
	say(fmt.Sprintf(`{"pollAddOptionMessage":{"pollCreationMessageKey":{"remoteJID":%q,"fromMe":true,"ID":%q},"addOption":{"optionName":"Later"}}}`, group, poll), ``)
	w.eventually("both wait", func() bool {
		return value[int](w.instance, `select count(*)::int from early_changes where message_id in ($1, $2)`, text, poll) == 2
	})
	say(`{"extendedTextMessage":{"text":"stays","contextInfo":{"expiration":86400}}}`, `{"id":"`+text+`"}`)
	say(`{"pollCreationMessageV3":{"name":"Lunch?","options":[{"optionName":"Yes"},{"optionName":"No"}]}}`, `{"id":"`+poll+`"}`)
	for id, with := range map[string]string{text: `"kicState":"KEPT"`, poll: `{"name":"Later","localId":2}`} {
		w.eventually(with, func() bool {
			return value[int](w.instance, `select count(*)::int from events where type = 'message'
				and payload->'args'->0->'id'->>'id' = $1 and payload::text like '%' || $2 || '%'`, id, with) == 1
		})
	}
	if n := value[int](w.instance, `select count(*)::int from early_changes`); n != 0 {
		w.t.Errorf("%d wait still", n)
	}
	sent := say(`{"conversation":"stays, too"}`, ``)
	say(keep(sent), `{"asIfHistory":true}`)
	w.eventually("kept by an entry of a history", func() bool {
		return value[int](w.instance, `select count(*)::int from messages where id = $1 and kept`, sent) == 1
	})
}
