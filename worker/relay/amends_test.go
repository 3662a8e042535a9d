package relay

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// A message that also says something is no mere change of another one, whatever stands
// beside it.
func TestWhatOnlyAmends(t *testing.T) {
	text, context := proto.String("cold"), &waE2E.MessageContextInfo{}
	strange := &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{}}
	strange.ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 0x01}) // field 2047, which nobody knows
	protocol := func(kind waE2E.ProtocolMessage_Type) *waE2E.Message {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: kind.Enum()}}
	}
	for _, tc := range []struct {
		name string
		msg  *waE2E.Message
		want bool
	}{
		{"nothing", &waE2E.Message{}, false},
		{"no content", &waE2E.Message{MessageContextInfo: context}, false},
		{"a text", &waE2E.Message{Conversation: text}, false},
		{"a revocation", &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{}}, true},
		{"an edit", protocol(waE2E.ProtocolMessage_MESSAGE_EDIT), true},
		{"a timer", protocol(waE2E.ProtocolMessage_EPHEMERAL_SETTING), false},
		{"a number that is shared", protocol(waE2E.ProtocolMessage_SHARE_PHONE_NUMBER), false},
		{"a revocation and a text", &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{}, Conversation: text}, false},
		{"a reaction", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{}}, true},
		{"a reaction and an image", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{}, ImageMessage: &waE2E.ImageMessage{}}, false},
		{"a reaction and what nobody knows", strange, false},
		{"an encrypted reaction", &waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{}, MessageContextInfo: context}, true},
		{"a vote", &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}, MessageContextInfo: context}, true},
		{"a pin", &waE2E.Message{PinInChatMessage: &waE2E.PinInChatMessage{}, MessageContextInfo: context}, true},
		{"an encrypted change", &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{}, MessageContextInfo: context}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := amends(tc.msg); got != tc.want {
				t.Errorf("amends: %t", got)
			}
		})
	}
}
