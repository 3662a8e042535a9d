package relay

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/wording"
)

// toFault gives every error of a method a kind. An error of no known kind is what
// WhatsApp or whatsmeow said about this call, so it is a refusal.
func toFault(err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		if f.Op == "" {
			named := *f
			named.Op = Op
			return &named
		}
		return f
	}
	if f := timeFault(err); f != nil {
		return f
	}
	if f := linkFault(err); f != nil {
		return f
	}
	if f := databaseFault(err); f != nil {
		return f
	}
	if iq, ok := errors.AsType[*whatsmeow.IQError](err); ok {
		return iqFault(err, iq)
	}
	if f := ackFault(err); f != nil {
		return f
	}
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			f := fault.Wrap(known.kind, Op, err, "%s", err)
			f.Code = known.code
			return f
		}
	}
	f = fault.Wrap(fault.Refused, Op, err, "%s", ClipText(err.Error()))
	if wording.UnknownNumber(err) {
		f.Code, f.Msg = "not_on_whatsapp", "WhatsApp does not know this number"
	}
	return f
}

// refusals are the errors of whatsmeow that mean something to a caller.
var refusals = []struct {
	err  error
	kind fault.Kind
	code string
}{
	{whatsmeow.ErrServerReturnedError, fault.Refused, "server_error"},
	{whatsmeow.ErrAppStateUpdate, fault.Refused, "app_state"},
	{whatsmeow.ErrUnknownServer, fault.Invalid, "bad_jid"},
	{whatsmeow.ErrRecipientADJID, fault.Invalid, "bad_jid"},
	{whatsmeow.ErrInvalidInlineBotID, fault.Invalid, "bad_jid"},
	{whatsmeow.ErrInvalidDisappearingTimer, fault.Invalid, "bad_timer"},
	{whatsmeow.ErrInvalidImageFormat, fault.Invalid, "bad_image"},
	{whatsmeow.ErrPhoneNumberTooShort, fault.Invalid, "bad_phone_number"},
	{whatsmeow.ErrPhoneNumberIsNotInternational, fault.Invalid, "bad_phone_number"},
	{whatsmeow.ErrUnknownMediaType, fault.Invalid, "bad_media"},
	{whatsmeow.ErrNothingDownloadableFound, fault.Invalid, "bad_media"},
	{whatsmeow.ErrNoURLPresent, fault.Invalid, "bad_media"},
	{whatsmeow.ErrNotEncryptedReactionMessage, fault.Invalid, "bad_message"},
	{whatsmeow.ErrNotEncryptedCommentMessage, fault.Invalid, "bad_message"},
	{whatsmeow.ErrNotSecretEncryptedMessage, fault.Invalid, "bad_message"},
	{whatsmeow.ErrNotPollUpdateMessage, fault.Invalid, "bad_message"},
	{whatsmeow.ErrBroadcastListUnsupported, fault.Unimplemented, "broadcast_list"},
	{whatsmeow.ErrGroupNotFound, fault.NotFound, "group_not_found"},
	{whatsmeow.ErrProfilePictureNotSet, fault.NotFound, "no_picture"},
	{whatsmeow.ErrInviteLinkRevoked, fault.NotFound, "invite_revoked"},
	{whatsmeow.ErrBusinessMessageLinkNotFound, fault.NotFound, "link_not_found"},
	{whatsmeow.ErrContactQRLinkNotFound, fault.NotFound, "link_not_found"},
	{whatsmeow.ErrOriginalMessageSecretNotFound, fault.NotFound, "message_not_found"},
	{mirror.ErrNotFound, fault.NotFound, ""},
}

func timeFault(err error) *fault.Error {
	switch {
	case errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, whatsmeow.ErrIQTimedOut), errors.Is(err, whatsmeow.ErrMessageTimedOut):
		return fault.Wrap(fault.Deadline, Op, err, "WhatsApp did not answer in time")
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, Op, err, "the call was cancelled")
	}
	return nil
}

func linkFault(err error) *fault.Error {
	var broken *whatsmeow.DisconnectedError
	switch {
	case errors.Is(err, whatsmeow.ErrNotLoggedIn), errors.Is(err, whatsmeow.ErrClientIsNil):
		return toFault(unpaired())
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.As(err, &broken):
		f := fault.Wrap(fault.Offline, Op, err, "the connection to WhatsApp was lost during the call")
		f.RetryAfter = 2 * time.Second
		return f
	}
	return nil
}

// databaseFault says "try again" when the account's store could not be used.
func databaseFault(err error) *fault.Error {
	if errors.Is(err, mirror.ErrFenced) {
		return fault.Wrap(fault.Unavailable, Op, err, "a newer worker has taken over this instance; try again")
	}
	var refused *pgconn.ConnectError
	var said *pgconn.PgError
	var network net.Error
	switch {
	case errors.As(err, &said) && (strings.HasPrefix(said.Code, "22") || strings.HasPrefix(said.Code, "23")):
		return fault.Wrap(fault.Internal, Op, err, "the database refused the data")
	case errors.As(err, &refused), errors.As(err, &said):
		return fault.Wrap(fault.Unavailable, Op, err, "the database is away; try again")
	case errors.As(err, &network):
		return fault.Wrap(fault.Unavailable, Op, err, "a server could not be reached; try again")
	}
	return nil
}

// iqFault maps the codes that WhatsApp answers a query with.
func iqFault(err error, iq *whatsmeow.IQError) *fault.Error {
	f := fault.Wrap(fault.Refused, Op, err, "WhatsApp refused: %s", strings.TrimSpace(strconv.Itoa(iq.Code)+" "+iq.Text))
	switch {
	case iq.Code == 0:
		f.Msg = "WhatsApp answered something unexpected"
	case iq.Code == 404, iq.Code == 410:
		f.Kind = fault.NotFound
	case iq.Code == 429:
		f.Kind, f.RetryAfter = fault.RateLimited, time.Minute
	case iq.Code >= 500:
		f.Kind = fault.Unavailable
	}
	if iq.Code != 0 {
		f.Code = "wa_" + strconv.Itoa(iq.Code)
		// whatsmeow's own words say more than the code, where it has some.
		if text := err.Error(); text != iq.Error() && !strings.Contains(text, iq.Error()) {
			f.Msg = ClipText(text)
		}
	}
	return f
}

// ClipText shortens a text of somebody else for an error.
func ClipText(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// Accepted turns WhatsApp's refusal into false, as whatsapp-web.js does where it
// answers a boolean.
func Accepted(err error) (any, error) {
	if IsRefusal(err) {
		return false, nil
	}
	return err == nil, err
}

// IsRefusal tells whether WhatsApp said no to a query, and that asking again will
// not help.
func IsRefusal(err error) bool {
	var refused *whatsmeow.IQError
	return errors.As(err, &refused) && refused.Code != 0 && refused.Code < 500 && refused.Code != 429
}
