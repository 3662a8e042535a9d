// Package wording holds what a worker recognises only by whatsmeow's words: log lines
// and errors that have no value or type of their own. Its test reads the source of the
// pinned whatsmeow and fails when that says something else, so that an upgrade cannot
// change the meaning of a text unnoticed.
package wording

import (
	"strconv"
	"strings"
)

// Formats of whatsmeow's log lines.
const (
	// Stanza is the debug line with a stanza that was read or sent, as its argument.
	Stanza = "%s"
	// DecryptFailed is the warning about a frame that does not decrypt. No later frame
	// of that connection will.
	DecryptFailed = "Failed to decrypt frame: %v"
)

// Texts of whatsmeow's errors.
const (
	keysNotDeleted = "error deleting data from store"
	noLID          = "no LID found for "
	conflict       = `code="409"`
	refused        = "server returned error "
)

// KeysNotDeleted reports whether a logout failed only in that our own keys could not be
// deleted afterwards: WhatsApp has ended the pairing.
func KeysNotDeleted(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), keysNotDeleted)
}

// UnknownNumber reports whether WhatsApp does not know a number.
func UnknownNumber(err error) bool { return err != nil && strings.HasPrefix(err.Error(), noLID) }

// AppStateConflict reports whether a whatsmeow.ErrAppStateUpdate came because the write
// built on an old version. The code stands in the quoted answer only.
func AppStateConflict(err error) bool { return err != nil && strings.Contains(err.Error(), conflict) }

// RefusalCode returns the code with which WhatsApp refused a message, of an error that is
// a whatsmeow.ErrServerReturnedError; 0 when there is none. It stands in the text only.
func RefusalCode(err error) int {
	if err == nil {
		return 0
	}
	_, behind, found := strings.Cut(err.Error(), refused)
	if !found {
		return 0
	}
	if i := strings.IndexFunc(behind, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		behind = behind[:i]
	}
	code, err := strconv.Atoi(behind)
	if err != nil {
		return 0
	}
	return code
}
