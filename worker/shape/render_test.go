package shape

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// Each file in testdata holds what came in, a line ---, and what integrators
// read. The input is {"source": Source fields, "message": waE2E.Message}.
func TestRenderGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(content), "\n---\n")
			got := renderInput(t, input)
			if *update {
				if err := os.WriteFile(file, []byte(input+"\n---\n"+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("rendered\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func renderInput(t *testing.T, input string) string {
	t.Helper()
	var in struct {
		Source  Source
		Message json.RawMessage
	}
	if err := json.Unmarshal([]byte(input), &in); err != nil {
		t.Fatal(err)
	}
	s := in.Source
	if s.Me == "" {
		s.Me = "4900@c.us"
	}
	if s.Chat == "" {
		s.Chat = "4911@c.us"
	}
	if s.Sender == "" {
		s.Sender = s.Chat
	}
	if s.ID == "" {
		s.ID = "3EB0C431C26A1916E07E"
	}
	s.Timestamp = 1700000000
	if len(in.Message) > 0 {
		s.Raw = &waE2E.Message{}
		if err := protojson.Unmarshal(in.Message, s.Raw); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := Marshal(Render(s))
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, encoded, "", "  "); err != nil {
		t.Fatal(err)
	}
	return pretty.String()
}

// Every field that a message may have, each alone: all render, none panics,
// and the types are those of the table.
func TestEveryKindHasAType(t *testing.T) {
	want := map[string]string{
		"conversation": "chat", "extendedTextMessage": "chat", "imageMessage": "image", "videoMessage": "video",
		"ptvMessage": "ptv", "audioMessage": "audio", "documentMessage": "document", "stickerMessage": "sticker",
		"albumMessage": "album", "locationMessage": "location", "liveLocationMessage": "location",
		"contactMessage": "vcard", "contactsArrayMessage": "multi_vcard", "groupInviteMessage": "groups_v4_invite",
		"orderMessage": "order", "productMessage": "product", "sendPaymentMessage": "payment",
		"requestPaymentMessage": "payment", "declinePaymentRequestMessage": "payment", "cancelPaymentRequestMessage": "payment",
		"listMessage": "list", "listResponseMessage": "list_response", "buttonsMessage": "chat",
		"buttonsResponseMessage": "buttons_response", "templateMessage": "chat",
		"templateButtonReplyMessage": "template_button_reply", "interactiveMessage": "interactive",
		"highlyStructuredMessage": "hsm", "pollCreationMessage": "poll_creation", "pollCreationMessageV2": "poll_creation",
		"pollCreationMessageV3": "poll_creation", "pollCreationMessageV5": "poll_creation", "pollCreationMessageV6": "poll_creation",
		"eventMessage": "event_creation", "callLogMesssage": "call_log", "placeholderMessage": "ciphertext",
		"reactionMessage": "reaction", "encReactionMessage": "reaction_enc", "protocolMessage": "revoked", // REVOKE is 0
		"pinInChatMessage": "pin_message", "keepInChatMessage": "keep_in_chat",
		"interactiveResponseMessage": "interactive_response", "invoiceMessage": "payment", "paymentInviteMessage": "payment",
		"paymentReminderMessage": "payment", "splitPaymentMessage": "payment", "splitPaymentUpdateMessage": "payment",
		"eventInviteMessage": "sharable_event_invite", "newsletterAdminInviteMessage": "newsletter_admin_invite",
		"newsletterFollowerInviteMessageV2": "newsletter_follower_invite", "stickerPackMessage": "sticker-pack",
		"richResponseMessage": "rich_response", "commentMessage": "comment", "encCommentMessage": "comment",
		"scheduledCallCreationMessage": "scheduled_call_creation", "scheduledCallEditMessage": "scheduled_call_edit",
		"requestPhoneNumberMessage": "request_phone_number", "pollResultSnapshotMessage": "poll_result_snapshot",
		"pollResultSnapshotMessageV3": "poll_result_snapshot", "statusNotificationMessage": "status_notification",
		"statusQuestionAnswerMessage": "status_question_answer", "questionResponseMessage": "newsletter_question_response",
		"statusQuotedMessage": "status_quoted", "statusStickerInteractionMessage": "status_sticker_interaction",
		"musicMessage": "music", "bcallMessage": "bcall", "conditionalRevealMessage": "ciphertext", "pollUpdateMessage": "poll_update",
		"pollAddOptionMessage": "poll_add_option_decrypted", "encEventResponseMessage": "event_response", "secretEncryptedMessage": "protocol",
	}
	fields := (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		m := &waE2E.Message{}
		field := fields.Get(i)
		if field.Message() != nil {
			m.ProtoReflect().Mutable(field)
		} else {
			m.ProtoReflect().Set(field, field.Default())
		}
		got := Render(Source{Me: "4900@c.us", Chat: "4911@c.us", ID: "X", Sender: "4911@c.us", Raw: m})
		if _, err := Marshal(got); err != nil {
			t.Errorf("%s: %v", field.Name(), err)
		}
		expected := want[string(field.Name())]
		if expected == "" {
			expected = TypeUnknown
		}
		if got.Type != expected {
			t.Errorf("%s is of type %s, want %s", field.Name(), got.Type, expected)
		}
	}
}

func TestUnwrapIsBounded(t *testing.T) {
	m := &waE2E.Message{Conversation: proto.String("deep")}
	for range 1000 {
		m = &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}
	}
	if got := Render(Source{Chat: "4911@c.us", ID: "X", Raw: m}); got.Type != TypeUnknown {
		t.Errorf("type %s", got.Type)
	}
}

func TestIDs(t *testing.T) {
	for in, want := range map[types.JID]string{
		{User: "49170", Device: 12, Server: types.DefaultUserServer}: "49170@c.us",
		{User: "49170", Server: types.HostedServer}:                  "49170@c.us",
		{User: "99", Device: 3, Server: types.HiddenUserServer}:      "99@lid",
		{User: "123-456", Server: types.GroupServer}:                 "123-456@g.us",
		{}: "",
	} {
		if got := ID(in); got != want {
			t.Errorf("ID(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"49170@c.us": "49170@s.whatsapp.net", "49170:12@s.whatsapp.net": "49170@s.whatsapp.net", "99@lid": "99@lid",
		"49170.0:3@s.whatsapp.net": "49170@s.whatsapp.net", "1-2@g.us": "1-2@g.us", "status@broadcast": "status@broadcast",
		"5@newsletter": "5@newsletter",
	} {
		t.Run(in, func(t *testing.T) {
			got, err := ParseID(in)
			if err != nil || got.String() != want {
				t.Errorf("ParseID(%q) = %q, %v, want %q", in, got, err, want)
			}
		})
	}
	for _, bad := range []string{"", "@", "49170", "@c.us", "a@b@c.us", "49170@example.org", "49 170@c.us", "x_y@c.us", strings.Repeat("1", 500) + "@c.us"} {
		t.Run(bad, func(t *testing.T) {
			if got, err := ParseID(bad); err == nil {
				t.Errorf("ParseID(%q) = %q", bad, got)
			}
		})
	}
}

func TestMessageIDs(t *testing.T) {
	cases := []struct {
		id   MessageID
		want string
	}{
		{NewMessageID(true, "4911@c.us", "3EB0", "4900@c.us", "4900@c.us"), "true_4911@c.us_3EB0"},
		{NewMessageID(false, "12@g.us", "3A5F", "4911@c.us", "4900@c.us"), "false_12@g.us_3A5F_4911@c.us"},
		{NewMessageID(false, "12@g.us", "3A5F", "99@lid", "4900@c.us"), "false_12@g.us_3A5F_99@lid"},
		{NewMessageID(false, StatusID, "3A5F", "4911@c.us", "4900@c.us"), "false_status@broadcast_3A5F_4911@c.us"},
		{NewMessageID(true, "4900@c.us", "3A5F", "4900@c.us", "4900@c.us"), "true_4900@c.us_3A5F_out"},
	}
	for _, c := range cases {
		if c.id.Serialized != c.want {
			t.Errorf("%s, want %s", c.id.Serialized, c.want)
		}
		if back, err := ParseMessageID(c.want); err != nil || back != c.id {
			t.Errorf("ParseMessageID(%s) = %+v, %v, want %+v", c.want, back, err, c.id)
		}
	}
	for _, bad := range []string{"", "x", "maybe_4911@c.us_A", "true_nochat_A", "true_4911@c.us_", "true_4911@c.us_A_b_c"} {
		t.Run(bad, func(t *testing.T) {
			if _, err := ParseMessageID(bad); err == nil {
				t.Errorf("%q is a message id", bad)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	for text, want := range map[string][]Link{
		"nothing here":                    {},
		"see https://a.example/x?y=1.":    {{Link: "https://a.example/x?y=1"}},
		"www.test.de and foo.bar.com/baz": {{Link: "www.test.de"}, {Link: "foo.bar.com/baz"}},
		"mail me@example.com":             {},
		"https://pаypal.com":              {{Link: "https://pаypal.com", IsSuspicious: true}},
		"https://пример.рф/a":             {{Link: "https://пример.рф/a"}},
		"version 1.2.3":                   {},
		// What people share to be called or written to, in the forms of WhatsApp's own apps.
		"Join my call: https://call.whatsapp.com/video/5to4Ew6cMwgxPYr5Av7vbA.": {{Link: "https://call.whatsapp.com/video/5to4Ew6cMwgxPYr5Av7vbA"}},
		"call.whatsapp.com/voice/5to4Ew6cMwgxPYr5Av7vbA":                        {{Link: "call.whatsapp.com/voice/5to4Ew6cMwgxPYr5Av7vbA"}},
		"write to wa.me/4915123456789?text=Hi%20there!":                         {{Link: "wa.me/4915123456789?text=Hi%20there"}},
		"(https://wa.me/message/ABCDEFGH)":                                      {{Link: "https://wa.me/message/ABCDEFGH"}},
	} {
		t.Run(text, func(t *testing.T) {
			got := findLinks(text)
			if len(got) != len(want) {
				t.Errorf("%q: %v", text, got)
				return
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%q: %v", text, got)
				}
			}
		})
	}
}

func FuzzRender(f *testing.F) {
	seeds := []*waE2E.Message{
		{Conversation: proto.String("hello")},
		{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("x.com"), ContextInfo: &waE2E.ContextInfo{MentionedJID: []string{"1@s.whatsapp.net", "\xff"}, QuotedMessage: &waE2E.Message{}}}},
		{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(1.5)}},
		{ViewOnceMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}}},
	}
	for _, m := range seeds {
		encoded, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var m waE2E.Message
		if proto.Unmarshal(encoded, &m) != nil {
			return
		}
		before := proto.Clone(&m)
		got := Render(Source{Me: "4900@c.us", Chat: "12@g.us", ID: "X", Sender: "4911@c.us", Raw: &m})
		out, err := Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte(`\u0000`)) || got.Type == "" {
			t.Errorf("rendered %s", out)
		}
		Edit(&m, &m)
		Edit(nil, &m)
		if !proto.Equal(before, &m) {
			t.Error("rendering changed the message")
		}
	})
}
