package compose

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Sealing is a part of a message that is sealed with the secret of an earlier one, the target.
type Sealing struct {
	// Kind is pollVote, reaction, comment, eventResponse, messageEdit, eventEdit, pollEdit or
	// pollAddOption. With pollAddOptionAsEdit an option is sealed with the label of an edit, and
	// schedule is of a kind that is not known to be sent.
	Kind string `json:"kind"`
	// OriginalSender wrote the target, and Sender this part: both in the form in which they
	// take part in the key, whatever the stanza will say.
	OriginalSender string `json:"originalSender"`
	Sender         string `json:"sender"`
	TargetID       string `json:"targetId"`
	Secret         []byte `json:"secret"` // of the target, 32 bytes
	// Payload is what is sealed, in protojson: waE2E.PollVoteMessage, ReactionMessage,
	// EventResponseMessage, or a Message in all other cases. Raw is the same as bytes.
	Payload json.RawMessage `json:"payload,omitempty"`
	Raw     []byte          `json:"raw,omitempty"`
	// Options are what a vote selects, by name, in place of a payload.
	Options []string `json:"options,omitempty"`
	// Chat is where the target is; it makes the target's key, unless Key is given as protojson of
	// waCommon.MessageKey.
	Chat string          `json:"chat"`
	Key  json.RawMessage `json:"key,omitempty"`
}

// sealKind is how a kind is sealed.
type sealKind struct {
	label string // in the derivation of the key
	bound bool   // to the target and the sender, as additional data
	empty func() proto.Message
	wrap  func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message
}

func secretly(
	kind waE2E.SecretEncryptedMessage_SecretEncType,
) func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
	return func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
		return &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{
			TargetMessageKey: key, EncPayload: sealed, EncIV: iv, SecretEncType: kind.Enum(),
		}}
	}
}

func anyMessage() proto.Message { return &waE2E.Message{} }

var sealKinds = map[string]sealKind{
	"pollVote": {
		"Poll Vote", true, func() proto.Message { return &waE2E.PollVoteMessage{} },
		func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
			return &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
				PollCreationMessageKey: key, SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
				Vote: &waE2E.PollEncValue{EncPayload: sealed, EncIV: iv},
			}}
		},
	},
	"reaction": {
		"Enc Reaction", false, func() proto.Message { return &waE2E.ReactionMessage{} },
		func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
			return &waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{
				TargetMessageKey: key, EncPayload: sealed, EncIV: iv,
			}}
		},
	},
	"comment": {
		"Enc Comment", false, anyMessage,
		func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
			return &waE2E.Message{EncCommentMessage: &waE2E.EncCommentMessage{
				TargetMessageKey: key, EncPayload: sealed, EncIV: iv,
			}}
		},
	},
	"eventResponse": {
		"Event Response", true, func() proto.Message { return &waE2E.EventResponseMessage{} },
		func(key *waCommon.MessageKey, sealed, iv []byte) *waE2E.Message {
			return &waE2E.Message{EncEventResponseMessage: &waE2E.EncEventResponseMessage{
				EventCreationMessageKey: key, EncPayload: sealed, EncIV: iv,
			}}
		},
	},
	"messageEdit": {"Message Edit", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_MESSAGE_EDIT)},
	"eventEdit":   {"Event Edit", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_EVENT_EDIT)},
	"pollEdit":    {"Poll Edit", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_POLL_EDIT)},
	"pollAddOption": {
		"Poll Add Option", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_POLL_ADD_OPTION),
	},
	// What another library takes for the label, see package addon.
	"pollAddOptionAsEdit": {
		"Poll Edit", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_POLL_ADD_OPTION),
	},
	"schedule": {"Message Schedule", false, anyMessage, secretly(waE2E.SecretEncryptedMessage_MESSAGE_SCHEDULE)},
}

const secretLength = 32

// Seal returns the protojson of a waE2E.Message with the sealed part, to be sent with Send.
func Seal(s Sealing) (json.RawMessage, error) {
	kind, known := sealKinds[s.Kind]
	if !known {
		return nil, wrong("kind", "%.40q is none of pollVote, reaction, comment, eventResponse, messageEdit, "+
			"eventEdit, pollEdit, pollAddOption, pollAddOptionAsEdit, schedule", s.Kind)
	}
	author, err := ParseJID("originalSender", s.OriginalSender)
	if err != nil {
		return nil, err
	}
	sender, err := ParseJID("sender", s.Sender)
	if err != nil {
		return nil, err
	}
	if s.TargetID == "" || len(s.TargetID) > maxText {
		return nil, wrong("targetId", "needs 1 to %d bytes", maxText)
	}
	if len(s.Secret) != secretLength {
		return nil, wrong("secret", "has %d bytes, and a message's secret has %d", len(s.Secret), secretLength)
	}
	plain, err := s.plaintext(kind)
	if err != nil {
		return nil, err
	}
	key, err := s.key(author, sender)
	if err != nil {
		return nil, err
	}
	by := sender.ToNonAD().String()
	derived := hkdfutil.SHA256(s.Secret, nil, []byte(s.TargetID+author.ToNonAD().String()+by+kind.label), secretLength)
	var bound []byte
	if kind.bound {
		bound = []byte(s.TargetID + "\x00" + by)
	}
	iv := make([]byte, 12)
	rand.Read(iv)
	sealed, err := gcmutil.Encrypt(derived, iv, plain, bound)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	message, err := protojson.Marshal(kind.wrap(key, sealed, iv))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return message, nil
}

func (s *Sealing) plaintext(kind sealKind) ([]byte, error) {
	if s.Raw != nil {
		return s.Raw, nil
	}
	payload := kind.empty()
	if vote, ok := payload.(*waE2E.PollVoteMessage); ok && s.Options != nil {
		for _, name := range s.Options {
			sum := sha256.Sum256([]byte(name))
			vote.SelectedOptions = append(vote.SelectedOptions, sum[:])
		}
	} else {
		if !given(s.Payload) {
			return nil, wrong("payload", "is missing")
		}
		if err := decode("payload", s.Payload, payload); err != nil {
			return nil, err
		}
	}
	raw, err := proto.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("marshal payload: %w", err)
	}
	return raw, nil
}

// key names the target as the sender's devices would.
func (s *Sealing) key(author, sender types.JID) (*waCommon.MessageKey, error) {
	if given(s.Key) {
		key := &waCommon.MessageKey{}
		return key, decode("key", s.Key, key)
	}
	chat := author
	if s.Chat != "" {
		var err error
		if chat, err = ParseJID("chat", s.Chat); err != nil {
			return nil, err
		}
	}
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(chat.ToNonAD().String()), ID: proto.String(s.TargetID),
		FromMe: proto.Bool(author.ToNonAD() == sender.ToNonAD()),
	}
	if chat.Server == types.GroupServer {
		key.Participant = proto.String(author.ToNonAD().String())
	}
	return key, nil
}
