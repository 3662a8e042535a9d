package param

import (
	"encoding/json"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
)

func TestLinks(t *testing.T) {
	const code = "Kd0B7bKcGdzT8bPq1XcXyz"
	for text, want := range map[string]string{
		"https://chat.whatsapp.com/" + code:                                                     "group " + code,
		"https://chat.whatsapp.com/" + code + "?mode=ac_t":                                      "group " + code,
		"https://chat.whatsapp.com/" + code + "/?mode=wwt#x":                                    "group " + code,
		"https://chat.whatsapp.com/" + code + "/":                                               "group " + code,
		"https://chat.whatsapp.com/invite/" + code:                                              "group " + code,
		"http://chat.whatsapp.com/" + code:                                                      "group " + code,
		"chat.whatsapp.com/" + code:                                                             "group " + code,
		" HTTPS://Chat.WhatsApp.com/" + code + "\n":                                             "group " + code,
		"Open this link to join: https://chat.whatsapp.com/" + code + ".":                       "group " + code,
		"https://web.whatsapp.com/accept?code=" + code:                                          "group " + code,
		"whatsapp://chat?code=" + code:                                                          "group " + code,
		"https://whatsapp.com/channel/" + code:                                                  "channel " + code,
		"https://www.whatsapp.com/channel/" + code + "/123":                                     "channel " + code,
		"whatsapp.com/channel/" + code + "?x=1":                                                 "channel " + code,
		"https://call.whatsapp.com/video/" + code:                                               "call " + code,
		"call.whatsapp.com/voice/" + code + "/":                                                 "call " + code,
		"call.whatsapp.com/video/" + code + "?src=app":                                          "call " + code,
		"Join my call: https://call.whatsapp.com/voice/" + code + ".":                           "call " + code,
		"HTTPS://CALL.WHATSAPP.COM/VIDEO/" + code:                                               "call " + code,
		"https://call.whatsapp.com/":                                                            "",
		"https://call.whatsapp.com/video":                                                       "",
		"https://call.whatsapp.com/smoke/" + code:                                               "",
		"https://wa.me/4915123456789":                                                           "person 4915123456789",
		"wa.me/+4915123456789?text=hello":                                                       "person 4915123456789",
		"https://api.whatsapp.com/send?phone=4915123456789&text=x":                              "person 4915123456789",
		"https://api.whatsapp.com/send/?phone=%2B4915123456789":                                 "person 4915123456789",
		"https://web.whatsapp.com/send?phone=4915123456789&text&type=phone_number&app_absent=0": "person 4915123456789",
		"whatsapp://send?phone=4915123456789":                                                   "person 4915123456789",
		"https://wa.me/message/" + code + "?src=qr":                                             "message " + code,
		"https://api.whatsapp.com/message/" + code + "?autoload=1":                              "message " + code,
		"https://wa.me/?text=hello":                                                             "", // to whomever the sender picks
		"https://api.whatsapp.com/send?text=hello":                                              "",
		"https://wa.me/49-151-23456789":                                                         "", // WhatsApp wants digits alone
		"https://wa.me/(49)15123456789":                                                         "",
		"https://wa.me/stickerpack/abc":                                                         "",
		"https://wa.me/message/" + code:                                                         "message " + code,
		"https://wa.me/qr/" + code:                                                              "qr " + code,
		"https://wa.me/c/4915123456789":                                                         "person 4915123456789",
		"wa.me/p/5551234/4915123456789/":                                                        "person 4915123456789",
		"https://wa.me/u/ada.lovelace":                                                          "name ada.lovelace",
		"https://wa.me/c/shop":                                                                  "",
		"https://wa.me/":                                                                        "",
		"https://chat.whatsapp.com/":                                                            "",
		"https://chat.whatsapp.com/a b":                                                         "",
		"https://notchat.whatsapp.com/" + code:                                                  "",
		"https://example.org/chat.whatsapp.com/" + code:                                         "",
		"https://wa.me/someone":                                                                 "",
		code:                                                                                    "",
	} {
		t.Run(text, func(t *testing.T) {
			to, got, ok := ParseLink(text)
			if ok != (want != "") || ok && to+" "+got != want {
				t.Errorf("%q %q %v, want %q", to, got, ok, want)
			}
		})
	}
	for raw, refusal := range map[string]string{
		"https://whatsapp.com/channel/" + code: "leads to a channel", "a b": "the code of an invite link",
	} {
		t.Run(raw, func(t *testing.T) {
			encoded, _ := json.Marshal(raw)
			if _, err := InviteCode.Read(encoded, "params[0]"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), refusal) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Every parameter that takes an id takes a link to a person as well, and says of any other
// link what it is and what to do with it.
func TestLinksWhereAnIDIsExpected(t *testing.T) {
	const number = "4915123456789"
	for name, kind := range map[string]Kind{"chat": ChatID, "person": UserID, "phone": Phone, "people": People} {
		for _, link := range []string{
			"https://wa.me/" + number, "wa.me/" + number + "?text=hello", "https://api.whatsapp.com/send?phone=" + number,
			"whatsapp://send?phone=" + number, "https://wa.me/c/" + number, "https://wa.me/p/5551234/" + number,
		} {
			t.Run(name+" "+link, func(t *testing.T) {
				encoded, _ := json.Marshal(link)
				got, err := kind.Read(encoded, "params[0]")
				if list, ok := got.([]any); ok {
					got = list[0]
				}
				if want := types.NewJID(number, types.DefaultUserServer); err != nil || got != want {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		for link, refusal := range map[string]string{
			"https://call.whatsapp.com/voice/Kd0B7bKcGdzT8b": "this is a call link", "https://call.whatsapp.com/video/Kd0B7bKcGdzT8b": "this is a call link",
			"https://wa.me/message/ABCDEF": "ResolveBusinessMessageLink", "https://wa.me/qr/ABCDEF": "ResolveContactQRLink",
			"https://wa.me/?text=hello": "expected", "https://wa.me/49-151-23456789": "expected", "https://call.whatsapp.com/": "expected",
			"https://wa.me/u/ada.lovelace": "getUsernameId", "https://chat.whatsapp.com/Kd0B7bKcGdzT8b": "getInviteInfo",
			"https://whatsapp.com/channel/Kd0B7bKcGdzT8b": "getChannelByInviteCode",
		} {
			t.Run(name+" "+link, func(t *testing.T) {
				encoded, _ := json.Marshal(link)
				got, err := kind.Read(encoded, "params[0]")
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), refusal) {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
	}
}

// The limits of WhatsApp's own clients hold for characters of any script. That they are
// code points is a guess; WhatsApp's servers have the last word.
func TestLengthsAreOfCharacters(t *testing.T) {
	for name, tc := range map[string]struct {
		kind Kind
		most int
	}{"about": {About, 139}, "name": {Name, 256}, "title": {Title, 100}, "description": {Description, 2048}} {
		for _, letter := range []string{"a", "ж", "漢", "😀"} {
			t.Run(name+letter, func(t *testing.T) {
				fits, _ := json.Marshal(strings.Repeat(letter, tc.most))
				long, _ := json.Marshal(strings.Repeat(letter, tc.most+1))
				if _, err := tc.kind.Read(fits, "params[0]"); err != nil {
					t.Errorf("%d: %v", tc.most, err)
				}
				if _, err := tc.kind.Read(long, "params[0]"); !fault.Is(err, fault.Invalid) {
					t.Errorf("one more: %v", err)
				}
			})
		}
	}
}
