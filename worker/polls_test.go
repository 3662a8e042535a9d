package worker_test

import (
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
