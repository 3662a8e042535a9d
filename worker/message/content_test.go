package message

import (
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A field that is new in WhatsApp's protocol has no row, and fails here until somebody has
// decided what becomes of it.
func TestEveryFieldHasOneRow(t *testing.T) {
	fields := (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()
	rows := map[protoreflect.Name]int{}
	for _, row := range Rows() {
		rows[row.Field]++
	}
	for i := range fields.Len() {
		if n := rows[fields.Get(i).Name()]; n != 1 {
			t.Errorf("%s has %d rows", fields.Get(i).Name(), n)
		}
	}
	if len(Rows()) != fields.Len() {
		t.Errorf("%d rows for %d fields", len(Rows()), fields.Len())
	}
}

// webTypes are the names of WhatsApp Web's WAWebMsgType.
const webTypes = `album audio automated_greeting_message biz_content_placeholder broadcast_notification buttons_response
	call_log chat ciphertext comment debug debug_placeholder document e2e_notification event_creation event_edit_encrypted
	event_response gp2 groups_v4_invite hsm image interactive interactive_response keep_in_chat list list_response location
	message_edit_encrypted message_history_bundle message_history_notice multi_vcard music native_flow
	newsletter_admin_invite newsletter_follower_invite newsletter_notification newsletter_question_response notification
	notification_template order oversized payment pin_message pinned_message poll_add_option_decrypted
	poll_add_option_encrypted poll_creation poll_edit_encrypted poll_result_snapshot poll_update product protocol ptt ptv
	quarantined reaction reaction_enc request_phone_number revoked rich_response sharable_event_invite status
	status_notification sticker sticker-pack template_button_reply unknown vcard video`

// withoutType are the fields for which WhatsApp Web's WAWebVerifyProtobufMsgObjectKeys has
// none, or does not have the field. Of these, comments, invitations to events and answers to
// questions have one elsewhere.
const withoutType = "bcallMessage invoiceMessage paymentReminderMessage scheduledCallCreationMessage scheduledCallEditMessage " +
	"splitPaymentMessage splitPaymentUpdateMessage statusQuestionAnswerMessage statusQuotedMessage statusStickerInteractionMessage"

// Types are WhatsApp Web's, and those that are not are marked.
func TestGuessedTypesAreMarked(t *testing.T) {
	known, without := strings.Fields(webTypes), strings.Fields(withoutType)
	for _, row := range Rows() {
		if row.Guess != slices.Contains(without, string(row.Field)) {
			t.Errorf("%s: marked as a guess: %v", row.Field, row.Guess)
		}
		if row.Type != "" && !row.Guess && !slices.Contains(known, row.Type) {
			t.Errorf("%s: WhatsApp Web has no type %s", row.Field, row.Type)
		}
	}
}

// Each field alone, and inside every wrapper: Read answers what its row says.
func TestEachFieldIsReadAsItsRowSays(t *testing.T) {
	for _, row := range Rows() {
		t.Run(string(row.Field), func(t *testing.T) {
			m := &waE2E.Message{}
			r := m.ProtoReflect()
			switch {
			case row.Role == Wrapper:
				r.Mutable(row.descriptor).Message().Set(
					row.descriptor.Message().Fields().ByName("message"),
					protoreflect.ValueOfMessage((&waE2E.Message{Conversation: proto.String("inside")}).ProtoReflect()))
				if c := Read(m); c.Type != TypeChat || c.Text != "inside" {
					t.Errorf("a wrapper is read as %q of type %s", c.Text, c.Type)
				}
				return
			case row.descriptor.Message() != nil:
				r.Mutable(row.descriptor)
			default:
				r.Set(row.descriptor, row.descriptor.Default())
			}
			if row.Role == Carrier {
				if HasContent(m) {
					t.Error("has content")
				}
				if row.Note == "" {
					t.Error("left out without a reason")
				}
				return
			}
			want := row.Type
			if row.Field == "protocolMessage" {
				want = TypeRevoked // a deletion is the first kind
			}
			for _, wrapped := range []*waE2E.Message{
				m,
				{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}},
				{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: &waE2E.Message{
					ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: m},
				}}},
			} {
				if c := Read(wrapped); c.Field != row.Field || c.Role != row.Role || c.Type != want {
					t.Errorf("read as %s, %s, of type %s; want %s", c.Field, c.Role, c.Type, want)
				}
				if !HasContent(wrapped) {
					t.Error("has no content")
				}
			}
		})
	}
}

// The text of every part that a person wrote is in what is shown: each text field of the
// content in turn, except those that are no text for people.
func TestTextIsNotLost(t *testing.T) {
	for json, want := range map[string]string{
		`newsletterAdminInviteMessage`: "caption", `stickerPackMessage`: "name packDescription caption",
		`scheduledCallCreationMessage`: "title", `questionResponseMessage`: "text", `statusQuestionAnswerMessage`: "text",
		`statusQuotedMessage`: "text", `bcallMessage`: "caption", `eventInviteMessage`: "eventTitle caption",
		`newsletterFollowerInviteMessageV2`: "caption", `invoiceMessage`: "note", `paymentReminderMessage`: "description",
		`splitPaymentMessage`: "description", `orderMessage`: "message", `productMessage`: "body", `listMessage`: "description",
		`listResponseMessage`: "title", `liveLocationMessage`: "caption", `pollResultSnapshotMessage`: "name",
	} {
		t.Run(json, func(t *testing.T) {
			m := &waE2E.Message{}
			part := m.ProtoReflect().Mutable(loaded().byField[protoreflect.Name(json)].descriptor).Message()
			for name := range strings.FieldsSeq(want) {
				part.Set(part.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOfString("«"+name+"»"))
			}
			for name := range strings.FieldsSeq(want) {
				if c := Read(m); !strings.Contains(c.Text, "«"+name+"»") {
					t.Errorf("text %q lacks %s", c.Text, name)
				}
			}
		})
	}
}

func TestHasContent(t *testing.T) {
	keys := &waE2E.Message{
		SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}, MessageContextInfo: &waE2E.MessageContextInfo{},
	}
	if HasContent(keys) || HasContent(nil) || HasContent(&waE2E.Message{}) {
		t.Error("keys alone are content")
	}
	keys.ImageMessage = &waE2E.ImageMessage{}
	if !HasContent(keys) {
		t.Error("an image beside keys is none")
	}
	var future waE2E.Message
	if err := proto.Unmarshal([]byte{0xfa, 0xff, 0x03, 0x01, 'x'}, &future); err != nil {
		t.Fatal(err)
	}
	if !HasContent(&future) {
		t.Error("what a later version sends is nothing")
	}
}
