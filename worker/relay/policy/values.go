package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/param"
)

const (
	op = "relay.Call"

	// MaxList is how many people, messages or words a call may name; WhatsApp's
	// largest groups have 1,024 members.
	MaxList = 2048
	// MaxText is the longest text that is a parameter by itself, in bytes. Texts of
	// messages are not: they are within messages.
	MaxText = 16 << 10
	maxPath = 4096
	maxPack = 256
)

// words are the values of the types that whatsmeow writes as the name of a stanza's
// element or as the meaning of a receipt. WhatsApp ends a connection that sends an
// element that it does not know.
var words = map[reflect.Type][]string{
	reflect.TypeFor[types.ChatPresence]():                 {string(types.ChatPresenceComposing), string(types.ChatPresencePaused)},
	reflect.TypeFor[types.ChatPresenceMedia]():            {string(types.ChatPresenceMediaText), string(types.ChatPresenceMediaAudio)},
	reflect.TypeFor[types.Presence]():                     {string(types.PresenceAvailable), string(types.PresenceUnavailable)},
	reflect.TypeFor[whatsmeow.ParticipantChange]():        {string(whatsmeow.ParticipantChangeAdd), string(whatsmeow.ParticipantChangeRemove), string(whatsmeow.ParticipantChangePromote), string(whatsmeow.ParticipantChangeDemote)},
	reflect.TypeFor[whatsmeow.ParticipantRequestChange](): {string(whatsmeow.ParticipantChangeApprove), string(whatsmeow.ParticipantChangeReject)},
	reflect.TypeFor[events.BlocklistChangeAction]():       {string(events.BlocklistChangeActionBlock), string(events.BlocklistChangeActionUnblock)},
	// A receipt of another kind tells the sender, or WhatsApp, something false.
	reflect.TypeFor[types.ReceiptType](): {string(types.ReceiptTypeRead), string(types.ReceiptTypeReadSelf), string(types.ReceiptTypePlayed), string(types.ReceiptTypePlayedSelf)},
	reflect.TypeFor[whatsmeow.MediaType](): {
		"", string(whatsmeow.MediaImage), string(whatsmeow.MediaVideo), string(whatsmeow.MediaAudio), string(whatsmeow.MediaDocument),
		string(whatsmeow.MediaHistory), string(whatsmeow.MediaAppState), string(whatsmeow.MediaStickerPack), string(whatsmeow.MediaLinkThumbnail),
	},
}

// freely names the methods that are off and whose words the operator answers for.
var freely = map[string]bool{"SendProtocolMessageReceipt": true}

// Check looks at the values that a method is to be called with, without its
// context. The error is Invalid and names the parameter.
func Check(method string, args []reflect.Value) error {
	for i, arg := range args {
		if err := checkOne(method, i, arg); err != nil {
			return err
		}
	}
	if look := particular[method]; look != nil {
		return look(args)
	}
	return nil
}

func checkOne(method string, i int, arg reflect.Value) error {
	at := fmt.Sprintf("params[%d]", i)
	switch {
	case arg.Kind() == reflect.String:
		known, some := words[arg.Type()]
		if some && !freely[method] && !slices.Contains(known, arg.String()) {
			return fault.Bad(op, at, "expected one of %s", strings.TrimPrefix(strings.Join(known, ", "), ", "))
		}
		if arg.Len() > MaxText {
			return fault.Bad(op, at, "longer than %d bytes", MaxText)
		}
	case arg.Kind() == reflect.Slice && arg.Type().Elem().Kind() != reflect.Uint8 && arg.Len() > MaxList:
		return fault.Bad(op, at, "more than %d of them", MaxList)
	}
	return nil
}

// particular are the checks of what only one method takes.
var particular = map[string]func(args []reflect.Value) error{
	"DownloadMediaWithOnlyPath": func(args []reflect.Value) error { return checkPath(args[0].String(), "params[0]") },
	"DownloadMediaWithPath": func(args []reflect.Value) error {
		if err := checkPath(args[0].String(), "params[0]"); err != nil {
			return err
		}
		if word := args[5].String(); strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") != "" {
			return fault.Bad(op, "params[5]", "expected a word such as image or thumbnail-link")
		}
		return nil
	},
	"Download": func(args []reflect.Value) error {
		if file, ok := reflect.TypeAssert[whatsmeow.DownloadableMessage](args[0]); ok {
			return checkOptional(file.GetDirectPath(), "params[0].directPath")
		}
		return nil
	},
	"DownloadThumbnail": func(args []reflect.Value) error {
		if file, ok := reflect.TypeAssert[whatsmeow.DownloadableThumbnail](args[0]); ok {
			return checkOptional(file.GetThumbnailDirectPath(), "params[0].thumbnailDirectPath")
		}
		return nil
	},
	"DownloadAny": func(args []reflect.Value) error {
		msg, _ := reflect.TypeAssert[*waE2E.Message](args[0])
		for _, file := range []whatsmeow.DownloadableMessage{msg.GetImageMessage(), msg.GetVideoMessage(), msg.GetAudioMessage(), msg.GetDocumentMessage(), msg.GetStickerMessage()} {
			if err := checkOptional(file.GetDirectPath(), "params[0].directPath"); err != nil {
				return err
			}
		}
		return nil
	},
	"FetchStickerPack": func(args []reflect.Value) error {
		if id := args[0].String(); id == "" || len(id) > maxPack {
			return fault.Bad(op, "params[0]", "expected an id of at most %d bytes", maxPack)
		}
		return nil
	},
	"SetGroupName":                checkText(1, param.MaxTitle),
	"SetGroupDescription":         checkText(1, param.MaxDescription),
	"SetGroupTopic":               checkText(3, param.MaxDescription),
	"SetDisappearingTimer":        func(args []reflect.Value) error { return checkTimer(args[1], "params[1]") },
	"SetDefaultDisappearingTimer": func(args []reflect.Value) error { return checkTimer(args[0], "params[0]") },
}

// checkText looks at a text that WhatsApp refuses without a reason when it is too long.
func checkText(i, characters int) func([]reflect.Value) error {
	return func(args []reflect.Value) error {
		if utf8.RuneCountInString(args[i].String()) > characters {
			return fault.Bad(op, fmt.Sprintf("params[%d]", i), "is longer than %d characters", characters)
		}
		return nil
	}
}

func checkOptional(path, at string) error {
	if path == "" {
		return nil // whatsmeow itself says that there is nothing to download
	}
	return checkPath(path, at)
}

// checkPath looks at the part of an address after the name of one of WhatsApp's hosts.
func checkPath(path, at string) error {
	odd := func(r rune) bool { return r <= ' ' || r == '#' || r == '\\' || r >= 0x7f }
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > maxPath || strings.ContainsFunc(path, odd) || strings.Contains(path, "/../") {
		return fault.Bad(op, at, "expected the path of a file, as it stands in a message")
	}
	return nil
}

// longestTimer is far above what WhatsApp takes, and fits into its fields.
const longestTimer = 10 * 365 * 24 * time.Hour

func checkTimer(arg reflect.Value, at string) error {
	if d, ok := reflect.TypeAssert[time.Duration](arg); ok && (d < 0 || d > longestTimer) {
		return fault.Bad(op, at, "expected a duration from 0 to ten years")
	}
	return nil
}
