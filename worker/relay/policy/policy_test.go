package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

// A method that whatsmeow has got since is off until somebody has read what it
// does and written a line for it.
func TestEveryMethodIsDecidedAbout(t *testing.T) {
	client := reflect.TypeFor[*whatsmeow.Client]()
	there := map[string]bool{}
	for method := range client.Methods() {
		name := method.Name
		there[name] = true
		line, decided := lines[name]
		switch {
		case !decided:
			t.Errorf("%s is undecided: read what it does and add a line", name)
		case line.Decision == catalog.Undecided:
			t.Errorf("%s: a line that decides nothing", name)
		case (line.Why == "") != (line.Decision == catalog.Open):
			t.Errorf("%s is %s because %q", name, line.Decision, line.Why)
		}
	}
	for name := range lines {
		if !there[name] {
			t.Errorf("%s has a line and is no method of whatsmeow's any more", name)
		}
	}
	if len(lines) < 130 {
		t.Errorf("only %d lines", len(lines))
	}
}

func TestWhatIsOff(t *testing.T) {
	for _, tc := range []struct {
		method string
		want   catalog.Decision
	}{
		{"StoreLIDPNMapping", catalog.Refused},
		{"DownloadHistorySync", catalog.Refused},
		{"DangerousInternals", catalog.Refused},
		{"SendPasskeyResponse", catalog.Refused},
		{"SendPasskeyConfirmation", catalog.Refused},
		{"SetProxyAddress", catalog.Refused},
		{"SendPeerMessage", catalog.Below},
		{"SendAppState", catalog.Below},
		{"MarkNotDirty", catalog.Below},
		{"RegisterForPushNotifications", catalog.Below},
		{"SendMessage", catalog.Open},
		{"InventedByTheNextVersion", catalog.Undecided},
	} {
		t.Run(tc.method, func(t *testing.T) {
			if got := For(tc.method); got.Decision != tc.want {
				t.Errorf("%s is %s, want %s", tc.method, got.Decision, tc.want)
			}
		})
	}
	for _, tc := range []struct {
		opened                        []string
		below, another, unknown, shut bool
	}{
		{nil, false, false, false, false},
		{[]string{"SendAppState"}, true, false, false, false},
		{[]string{"whatsmeow.SendAppState", "StoreLIDPNMapping"}, true, false, false, false},
		{[]string{"undecided"}, false, false, true, false},
		{[]string{"Invented"}, false, false, true, false},
	} {
		o := catalog.NewOpened(tc.opened)
		for name, want := range map[string]bool{"SendAppState": tc.below, "SendPeerMessage": tc.another, "Invented": tc.unknown, "StoreLIDPNMapping": tc.shut, "SendMessage": true} {
			t.Run(name, func(t *testing.T) {
				if got := o.Allows(name, For(name).Decision); got != want {
					t.Errorf("%q opened: %s may be called: %v, want %v", tc.opened, name, got, want)
				}
			})
		}
	}
}

func TestValues(t *testing.T) {
	image := func(path string) any { return &waE2E.ImageMessage{DirectPath: proto.String(path)} }
	for _, tc := range []struct {
		name, method string
		field        string // empty: it is taken
		args         []any
	}{
		{"a file", "DownloadMediaWithOnlyPath", "", []any{"/v/t62.7118-24/1_n.enc?ccb=11-4&oh=01_Q&_nc_sid=5e03e0"}},
		{"no path", "DownloadMediaWithOnlyPath", "params[0]", []any{""}},
		{"another host", "DownloadMediaWithOnlyPath", "params[0]", []any{"//127.0.0.1/x"}},
		{"another host behind the name", "DownloadMediaWithOnlyPath", "params[0]", []any{".example.org/x"}},
		{"a password in front of a host", "DownloadMediaWithOnlyPath", "params[0]", []any{"@127.0.0.1/x"}},
		{"a port", "DownloadMediaWithOnlyPath", "params[0]", []any{":5432/x"}},
		{"up", "DownloadMediaWithOnlyPath", "params[0]", []any{"/v/../../x"}},
		{"a fragment", "DownloadMediaWithOnlyPath", "params[0]", []any{"/v#x"}},
		{"a line", "DownloadMediaWithOnlyPath", "params[0]", []any{"/v\r\nHost: x"}},
		{"a backslash", "DownloadMediaWithOnlyPath", "params[0]", []any{`/\127.0.0.1/x`}},
		{"a long path", "DownloadMediaWithOnlyPath", "params[0]", []any{"/" + strings.Repeat("v", maxPath)}},
		{"all of a file", "DownloadMediaWithPath", "", []any{"/v", []byte{1}, []byte{1}, []byte{1}, whatsmeow.MediaImage, "thumbnail-link", true}},
		{"more of a query", "DownloadMediaWithPath", "params[5]", []any{"/v", []byte{1}, []byte{1}, []byte{1}, whatsmeow.MediaImage, "image&auth=1", true}},
		{"another kind of file", "DownloadMediaWithPath", "params[4]", []any{"/v", []byte{1}, []byte{1}, []byte{1}, whatsmeow.MediaType("../x"), "image", true}},
		{"the file of a message", "Download", "", []any{image("/v")}},
		{"a message without a file", "Download", "", []any{&waE2E.ImageMessage{}}},
		{"another host in a message", "Download", "params[0].directPath", []any{image("//127.0.0.1/x")}},
		{"another host in a blob", "Download", "params[0].directPath", []any{&waServerSync.ExternalBlobReference{DirectPath: proto.String("//127.0.0.1/x")}}},
		{"another host in any message", "DownloadAny", "params[0].directPath", []any{&waE2E.Message{ImageMessage: image("//127.0.0.1/x").(*waE2E.ImageMessage)}}},
		{"any message", "DownloadAny", "", []any{&waE2E.Message{}}},
		{"another host in a preview", "DownloadThumbnail", "params[0].thumbnailDirectPath", []any{&waE2E.ExtendedTextMessage{ThumbnailDirectPath: proto.String("//x")}}},
		{"a pack", "FetchStickerPack", "", []any{"pack&id=2"}}, // the call escapes it
		{"no pack", "FetchStickerPack", "params[0]", []any{""}},
		{"a long pack", "FetchStickerPack", "params[0]", []any{strings.Repeat("p", maxPack+1)}},
		{"an element", "SendChatPresence", "", []any{types.EmptyJID, types.ChatPresencePaused, types.ChatPresenceMediaText}},
		{"an invented element", "SendChatPresence", "params[1]", []any{types.EmptyJID, types.ChatPresence("stream:error"), types.ChatPresenceMediaText}},
		{"an invented change", "UpdateGroupParticipants", "params[2]", []any{types.EmptyJID, []types.JID{}, whatsmeow.ParticipantChange("delete")}},
		{"read", "MarkRead", "", []any{[]string{"A"}, time.Now(), types.EmptyJID, types.EmptyJID, types.ReceiptTypePlayed}},
		{"not received", "MarkRead", "params[4]", []any{[]string{"A"}, time.Now(), types.EmptyJID, types.EmptyJID, types.ReceiptTypeRetry}},
		{"what an operator opened", "SendProtocolMessageReceipt", "", []any{"A", types.ReceiptTypeHistorySync}},
		{"many", "IsOnWhatsApp", "", []any{make([]string, MaxList)}},
		{"too many", "IsOnWhatsApp", "params[0]", []any{make([]string, MaxList+1)}},
		{"a large file", "Upload", "", []any{make([]byte, 1<<20), whatsmeow.MediaImage}},
		{"a long name", "SetGroupName", "params[1]", []any{types.EmptyJID, strings.Repeat("n", MaxText+1)}},
		{"the longest name", "SetGroupName", "", []any{types.EmptyJID, strings.Repeat("ж", 100)}},
		{"a name that no client takes", "SetGroupName", "params[1]", []any{types.EmptyJID, strings.Repeat("n", 101)}},
		{"the longest description", "SetGroupDescription", "", []any{types.EmptyJID, strings.Repeat("ж", 2048)}},
		{"a description that no client takes", "SetGroupDescription", "params[1]", []any{types.EmptyJID, strings.Repeat("n", 2049)}},
		{"the longest topic", "SetGroupTopic", "", []any{types.EmptyJID, "", "", strings.Repeat("ж", 2048)}},
		{"a topic that no client takes", "SetGroupTopic", "params[3]", []any{types.EmptyJID, "", "", strings.Repeat("n", 2049)}},
		{"a timer", "SetDisappearingTimer", "", []any{types.EmptyJID, 24 * time.Hour, time.Now()}},
		{"a negative timer", "SetDisappearingTimer", "params[1]", []any{types.EmptyJID, -time.Hour, time.Now()}},
		{"an endless timer", "SetDefaultDisappearingTimer", "params[0]", []any{200 * 365 * 24 * time.Hour}},
	} {
		t.Run(tc.method+" "+tc.name, func(t *testing.T) {
			var args []reflect.Value
			for _, arg := range tc.args {
				args = append(args, reflect.ValueOf(arg))
			}
			err := Check(tc.method, args)
			var f *fault.Error
			e := &fault.Error{}
			if errors.As(err, &e) {
				f = e
			}
			switch {
			case tc.field == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.field != "" && (f == nil || f.Kind != fault.Invalid || f.Field != tc.field):
				t.Errorf("got %v, want a fault about %s", err, tc.field)
			}
		})
	}
}
