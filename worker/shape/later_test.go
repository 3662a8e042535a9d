package shape

import (
	"reflect"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
)

// Keys are written from the point of view of their sender. WhatsApp Web translates them
// likewise (translateKeyToLocalReference of WAWebE2EProtoUtils); the names are associationType
// and parentMsgKey of WAWebMessageAssociation, pinParentKey and the others of the parser of
// PinInChatMessage, keptMessageKey of the one of KeepInChatMessage.
func TestKeysOfOtherMessages(t *testing.T) {
	const me, ann, chat, group = "4900@c.us", "4911@c.us", "4911@c.us", "1@g.us"
	const child = `{"imageMessage":{"caption":"one"},"messageContextInfo":{"messageAssociation":{"associationType":"MEDIA_ALBUM","messageIndex":2,"parentMessageKey":`
	for name, c := range map[string]struct {
		message, chat, sender string
		want                  map[string]any
		parent                string // _serialized
		field                 string
	}{
		"a child of Ann's album": {
			message: child + `{"fromMe":true,"ID":"ALBUM","remoteJID":"4900@s.whatsapp.net"}}}}`, chat: chat, sender: ann,
			want:  map[string]any{"associationType": "MEDIA_ALBUM", "messageIndex": 2.0, "caption": "one"},
			field: "parentMsgKey", parent: "false_4911@c.us_ALBUM",
		},
		"a child of an own album": {
			message: child + `{"fromMe":true,"ID":"ALBUM"}}}}`, chat: chat, sender: me,
			field: "parentMsgKey", parent: "true_4911@c.us_ALBUM",
		},
		"a child of an album in a group": {
			message: child + `{"fromMe":true,"ID":"ALBUM","participant":"4911@s.whatsapp.net"}}}}`, chat: group, sender: ann,
			field: "parentMsgKey", parent: "false_1@g.us_ALBUM_4911@c.us",
		},
		"a wrapped child": {
			message: `{"associatedChildMessage":{"message":` + child + `{"fromMe":true,"ID":"ALBUM"}}}}}}`, chat: chat, sender: ann,
			want:  map[string]any{"associationType": "MEDIA_ALBUM"},
			field: "parentMsgKey", parent: "false_4911@c.us_ALBUM",
		},
		"a comment on an own post": {
			message: `{"commentMessage":{"message":{"conversation":"nice"},"targetMessageKey":{"ID":"P","participant":"4900@s.whatsapp.net"}}}`,
			chat:    group, sender: ann, field: "parentMsgKey", parent: "true_1@g.us_P_4900@c.us",
		},
		"a pinned message of ours": {
			message: `{"pinInChatMessage":{"key":{"ID":"P"},"type":"PIN_FOR_ALL","senderTimestampMS":"9"},"messageContextInfo":{"messageAddOnDurationInSecs":86400}}`,
			chat:    chat, sender: ann, field: "pinParentKey", parent: "true_4911@c.us_P",
			want: map[string]any{"type": "pin_message", "pinMessageType": 1.0, "pinSenderTimestampMs": 9.0, "pinExpiryDuration": 86400.0},
		},
		"a message of Ann that we kept": {
			message: `{"keepInChatMessage":{"key":{"ID":"P"},"keepType":"KEEP_FOR_ALL","timestampMS":"9"}}`,
			chat:    chat, sender: me, field: "keptMessageKey", parent: "false_4911@c.us_P",
			want: map[string]any{"type": "keep_in_chat", "keepType": 1.0, "senderTimestampMs": 9.0},
		},
		"an answer to an event": {
			message: `{"encEventResponseMessage":{"eventCreationMessageKey":{"ID":"E","fromMe":true}}}`,
			chat:    chat, sender: ann, field: "parentMsgKey", parent: "false_4911@c.us_E",
			want: map[string]any{"type": "event_response"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			raw := &waE2E.Message{}
			if err := protojson.Unmarshal([]byte(c.message), raw); err != nil {
				t.Fatal(err)
			}
			for wrapper, m := range wrapped(raw) {
				got := asMap(t, Render(Source{Me: me, Chat: c.chat, Sender: c.sender, FromMe: c.sender == me, ID: "X", Raw: m}).Data)
				for key, want := range c.want {
					if !reflect.DeepEqual(got[key], want) {
						t.Errorf("%s: %s is %v, want %v", wrapper, key, got[key], want)
					}
				}
				key, _ := got[c.field].(map[string]any)
				if key["_serialized"] != c.parent {
					t.Errorf("%s: %s is %v, want %s", wrapper, c.field, got[c.field], c.parent)
				}
			}
		})
	}
}

// WAWebMsgType has a type for each kind of sealed change.
func TestSealedChangesHaveTypes(t *testing.T) {
	for kind, want := range map[waE2E.SecretEncryptedMessage_SecretEncType]string{
		waE2E.SecretEncryptedMessage_EVENT_EDIT:      "event_edit_encrypted",
		waE2E.SecretEncryptedMessage_MESSAGE_EDIT:    "message_edit_encrypted",
		waE2E.SecretEncryptedMessage_POLL_EDIT:       "poll_edit_encrypted",
		waE2E.SecretEncryptedMessage_POLL_ADD_OPTION: "poll_add_option_encrypted",
	} {
		t.Run(want, func(t *testing.T) {
			got := Render(Source{Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{
				SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{SecretEncType: kind.Enum()},
			}})
			if got.Type != want {
				t.Errorf("type %s", got.Type)
			}
		})
	}
}
