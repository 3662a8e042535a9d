package relay

import (
	"errors"
	"strings"

	"go.mau.fi/whatsmeow"
)

// Some errors of whatsmeow can be told by their text only. Each such text is here,
// and a test fails when whatsmeow's source words it otherwise.
const (
	// textUnknownNumber begins the error of a send to a number that is not on WhatsApp.
	textUnknownNumber = "no LID found for "
	// textConflict is in the error of a write of app state that built on an old version:
	// whatsmeow prints WhatsApp's answer, whose code is an attribute.
	textConflict = `code="409"`
)

// isUnknownNumber tells the error of a send to a number that is not on WhatsApp.
func isUnknownNumber(err error) bool { return strings.HasPrefix(err.Error(), textUnknownNumber) }

// isConflict tells the error of a write of app state that built on an old version.
func isConflict(err error) bool {
	return errors.Is(err, whatsmeow.ErrAppStateUpdate) && strings.Contains(err.Error(), textConflict)
}
