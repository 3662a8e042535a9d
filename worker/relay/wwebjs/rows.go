package wwebjs

import (
	"slices"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/wwebjs/group"
)

// Rows returns every method of whatsapp-web.js, and our own. That includes the methods
// that the manager answers and those that are impossible without a browser.
func Rows() []relay.Row {
	return slices.Concat(
		clientRows, chatRows, presenceRows, settingRows, historyRows,
		messageRows, messageLookupRows, messageChangeRows, mediaRows, eventRows,
		contactRows, addressbookRows, usernameRows, labelRows, businessRows,
		group.Rows(), channelRows, channelMessageRows, channelAdminRows, adminRows, statusRows, callRows,
		profileRows, managerRows, impossibleRows,
	)
}
