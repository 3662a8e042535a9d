package wwebjs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// fileKinds are the places in which a message may hold a file; $ stands for the fields of the
// file. Each is sent with a file of its own.
var fileKinds = map[string]struct{ kind, message string }{
	"image":               {"image", `{"imageMessage":$}`},
	"video":               {"video", `{"videoMessage":$}`},
	"round video":         {"video", `{"ptvMessage":$}`},
	"audio":               {"audio", `{"audioMessage":$}`},
	"document":            {"document", `{"documentMessage":$}`},
	"document, caption":   {"document", `{"documentWithCaptionMessage":{"message":{"documentMessage":$}}}`},
	"sticker":             {"sticker", `{"stickerMessage":$}`},
	"lottie sticker":      {"sticker", `{"lottieStickerMessage":{"message":{"stickerMessage":$}}}`},
	"ephemeral":           {"image", `{"ephemeralMessage":{"message":{"imageMessage":$}}}`},
	"ephemeral document":  {"document", `{"ephemeralMessage":{"message":{"documentWithCaptionMessage":{"message":{"documentMessage":$}}}}}`},
	"child of an album":   {"image", `{"associatedChildMessage":{"message":{"imageMessage":$}}}`},
	"view once":           {"video", `{"viewOnceMessageV2":{"message":{"videoMessage":$}}}`},
	"template, document":  {"document", `{"templateMessage":{"hydratedTemplate":{"documentMessage":$,"hydratedContentText":"Your invoice"}}}`},
	"template, image":     {"image", `{"templateMessage":{"hydratedTemplate":{"imageMessage":$,"hydratedContentText":"t"}}}`},
	"template, video":     {"video", `{"templateMessage":{"hydratedTemplate":{"videoMessage":$,"hydratedContentText":"t"}}}`},
	"four rows, document": {"document", `{"templateMessage":{"hydratedFourRowTemplate":{"documentMessage":$,"hydratedContentText":"t"}}}`},
	"four rows, image":    {"image", `{"templateMessage":{"hydratedFourRowTemplate":{"imageMessage":$,"hydratedContentText":"t"}}}`},
	"template within": {"image", `{"templateMessage":{"interactiveMessageTemplate":{"header":{"imageMessage":$},
		"body":{"text":"t"},"nativeFlowMessage":{}}}}`},
	"interactive, image":    {"image", `{"interactiveMessage":{"header":{"imageMessage":$,"hasMediaAttachment":true},"body":{"text":"t"}}}`},
	"interactive, video":    {"video", `{"interactiveMessage":{"header":{"videoMessage":$},"body":{"text":"t"}}}`},
	"interactive, document": {"document", `{"interactiveMessage":{"header":{"documentMessage":$},"body":{"text":"t"}}}`},
	"interactive once":      {"image", `{"viewOnceMessage":{"message":{"interactiveMessage":{"header":{"imageMessage":$},"body":{"text":"t"}}}}}`},
	"buttons, image":        {"image", `{"buttonsMessage":{"imageMessage":$,"contentText":"t","headerType":"IMAGE"}}`},
	"buttons, video":        {"video", `{"buttonsMessage":{"videoMessage":$,"contentText":"t","headerType":"VIDEO"}}`},
	"buttons, document":     {"document", `{"buttonsMessage":{"documentMessage":$,"contentText":"t","headerType":"DOCUMENT"}}`},
}

// sameFile looks at both ways to a file.
func sameFile(t *testing.T, r *rig, id string, want []byte) {
	t.Helper()
	m := ask[*shape.Message](r, "getMessageById", id)
	if m == nil || !m.HasMedia {
		t.Fatalf("hasMedia of %s: %+v", id, m)
	}
	if got := ask[mediaAnswer](r, "Message.downloadMedia", id); got.Data != b64(want) || got.Filesize != len(want) {
		t.Errorf("downloadMedia: %d bytes, want %d", got.Filesize, len(want))
	}
	file, err := r.Download(r.Ctx, id, "")
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	defer file.File.Close()
	if data, err := io.ReadAll(file.File); err != nil || !bytes.Equal(data, want) {
		t.Errorf("stream: %d bytes, want %d: %v", len(data), len(want), err)
	}
}

// TestFilesOfEveryKind: wherever a message holds a file, and however it came, both ways give it.
func TestFilesOfEveryKind(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	me, chat := r.Me.Number(), "15550000002@c.us"
	for name, tc := range fileKinds {
		file := []byte("the file of " + name)
		message := strings.ReplaceAll(tc.message, "$", composetest.Media(t, r.Sim, tc.kind, "application/x-test", false, file))
		t.Run(name, func(t *testing.T) {
			got := r.Message(bob.Number(), me, message, "")
			sameFile(t, r, "false_"+chat+"_"+got.Info.ID, file)
		})
		t.Run(name+", own", func(t *testing.T) {
			got := r.Message(me, bob.Number(), message, `{"fromMe":true}`)
			sameFile(t, r, "true_"+chat+"_"+got.Info.ID, file)
		})
		t.Run(name+", history", func(t *testing.T) {
			sent := composetest.Message(t, r.Sim, bob.Number(), me, message, `{"asIfHistory":true}`)
			id := "false_" + chat + "_" + sent.ID
			r.Eventually("history", func() bool { return ask[*shape.Message](r, "getMessageById", id) != nil })
			sameFile(t, r, id, file)
		})
	}
}

// TestFilesOfChannels: the files of posts are not encrypted. Own posts are the same.
func TestFilesOfChannels(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	channel := bob.CreateChannel("News", "")
	if err := r.Me.FollowChannel(channel, false); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"image", "video", "audio", "document", "sticker"} {
		for form, more := range map[string]string{"no key": `"`, "empty key": `","mediaKey":"","fileEncSHA256":""`} {
			t.Run(kind+", "+form, func(t *testing.T) {
				file := []byte("the post of " + kind + form)
				fields := composetest.Media(t, r.Sim, kind, "application/x-test", true, file)
				if form == "empty key" {
					fields = strings.TrimSuffix(fields, "}") + strings.TrimPrefix(more, `"`) + "}"
				}
				got := r.Message(bob.Number(), channel.String(), fmt.Sprintf(`{%q:%s}`, kind+"Message", fields), "")
				sameFile(t, r, "false_"+channel.String()+"_"+got.Info.ID, file)
			})
		}
	}
	mine := ask[createdChannel](r, "createChannel", "Our news")
	for name, tc := range map[string]struct {
		media   map[string]any
		options map[string]any
	}{
		"picture":  {map[string]any{"mimetype": "image/png", "data": b64(relaytest.Picture(t, 50, 80))}, nil},
		"caption":  {map[string]any{"mimetype": "image/png", "data": b64(relaytest.Picture(t, 51, 80))}, map[string]any{"caption": "rolls"}},
		"document": {map[string]any{"mimetype": "application/pdf", "data": b64([]byte("%PDF"))}, map[string]any{"caption": "list"}},
		"audio":    {map[string]any{"mimetype": "audio/mpeg", "data": b64([]byte("mp3"))}, nil},
	} {
		t.Run("own "+name, func(t *testing.T) {
			sent := ask[shape.Message](r, "Channel.sendMessage", mine.NID.Serialized, tc.media, tc.options)
			if got := ask[mediaAnswer](r, "Message.downloadMedia", sent.ID.Serialized); got.Data != tc.media["data"] {
				t.Errorf("downloadMedia: %d bytes", got.Filesize)
			}
		})
	}
}

// TestFilesOfFetchedPosts: fetchMessages of whatsapp-web.js answers messages whose file can be
// downloaded. Those from before the channel was followed are with WhatsApp only.
func TestFilesOfFetchedPosts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	channel := bob.CreateChannel("News", "")
	old := []byte("the picture of long ago")
	var picture waE2E.ImageMessage
	if err := protojson.Unmarshal([]byte(composetest.Media(t, r.Sim, "image", "image/png", true, old)), &picture); err != nil {
		t.Fatal(err)
	}
	post, err := proto.Marshal(&waE2E.Message{ImageMessage: &picture})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Sim.RecordPost(channel, "LONGAGO", "media", "", post); err != nil {
		t.Fatal(err)
	}
	for range 120 { // more than WhatsApp is asked for at a time
		if _, err := bob.PostToChannel(channel, "and on it goes"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Me.FollowChannel(channel, false); err != nil {
		t.Fatal(err)
	}
	posts := ask[[]shape.Message](r, "Channel.fetchMessages", channel.String(), map[string]any{"limit": 200})
	if len(posts) != 121 || !posts[0].HasMedia || posts[0].ID.ID != "LONGAGO" {
		t.Fatalf("%d posts, the first is %+v", len(posts), posts[0])
	}
	id := posts[0].ID.Serialized
	if m := ask[*shape.Message](r, "getMessageById", id); m != nil {
		t.Fatalf("it is known: %+v", m)
	}
	if got := ask[mediaAnswer](r, "Message.downloadMedia", id); got.Data != b64(old) {
		t.Errorf("downloadMedia: %d bytes", got.Filesize)
	}
	file, err := r.Download(r.Ctx, id, "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.File.Close()
	if data, err := io.ReadAll(file.File); err != nil || !bytes.Equal(data, old) {
		t.Errorf("stream: %q, %v", data, err)
	}
	for name, other := range map[string]string{
		"no such post": "false_" + channel.String() + "_NEVER", "no such channel": "false_120363000000000009@newsletter_LONGAGO",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := r.Download(r.Ctx, other, ""); !fault.Is(err, fault.NotFound) {
				t.Errorf("stream: %v", err)
			}
		})
	}
}

// TestFilesThatAreGone: no file any more is null, as in whatsapp-web.js, and the stream says why.
func TestFilesThatAreGone(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	channel := bob.CreateChannel("News", "")
	if err := r.Me.FollowChannel(channel, false); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		to, chat, fields, reason string
		plain, remove            bool
	}{
		"post":     {to: channel.String(), chat: channel.String(), plain: true, remove: true, reason: "WhatsApp does not have this file any more"},
		"chat":     {to: r.Me.Number(), chat: "15550000002@c.us", remove: true, reason: "neither WhatsApp nor the phone has this file any more"},
		"no place": {to: r.Me.Number(), chat: "15550000002@c.us", fields: `{"mimetype":"image/png","fileLength":"7"}`, reason: "this message does not say where its file is"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := tc.fields
			if fields == "" {
				fields = composetest.Media(t, r.Sim, "image", "image/png", tc.plain, []byte("soon gone "+name))
			}
			got := r.Message(bob.Number(), tc.to, `{"imageMessage":`+fields+`}`, "")
			if tc.remove && !r.Sim.Media().Remove(got.Message.GetImageMessage().GetDirectPath()) {
				t.Fatal("the file was not there")
			}
			id := "false_" + tc.chat + "_" + got.Info.ID
			if answer := r.Raw("Message.downloadMedia", id); answer != "null" {
				t.Errorf("downloadMedia: %.60s", answer)
			}
			_, err := r.Download(r.Ctx, id, "")
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.NotFound || f.Code != "no_file" || f.Msg != tc.reason {
				t.Errorf("stream: %v, want %s", err, tc.reason)
			}
		})
	}
}

// TestFilesOfParts: whatsapp-web.js downloads the file of a quoted message by
// getQuotedMessage().downloadMedia(), also when only the copy is known; the cards of a carousel
// are messages of their own in WhatsApp Web.
func TestFilesOfParts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	fields := func(kind, file string) string {
		return composetest.Media(t, r.Sim, kind, "application/x-test", false, []byte(file))
	}
	quote := r.Message(bob.Number(), r.Me.Number(), `{"extendedTextMessage":{"text":"that one","contextInfo":{"stanzaID":"OLD","participant":"`+
		bob.PN().String()+`","quotedMessage":{"documentWithCaptionMessage":{"message":{"documentMessage":`+fields("document", "old")+`}}}}}}`, "")
	cards := `{"body":{"text":"choose"},"carouselMessage":{"cards":[
		{"header":{"imageMessage":` + fields("image", "first") + `},"body":{"text":"a"}},
		{"header":{"title":"none"},"body":{"text":"b"}},
		{"header":{"videoMessage":` + fields("video", "third") + `},"body":{"text":"c"}}]}}`
	carousel := r.Message(bob.Number(), r.Me.Number(), `{"interactiveMessage":`+cards+`}`, "")
	template := r.Message(bob.Number(), r.Me.Number(), `{"templateMessage":{"interactiveMessageTemplate":`+cards+`}}`, "")
	for name, tc := range map[string]struct{ id, part, want, reason string }{
		"quoted":                {quote.Info.ID, "quoted", "old", ""},
		"first card":            {carousel.Info.ID, "card:0", "first", ""},
		"third card":            {carousel.Info.ID, "card:2", "third", ""},
		"card in a template":    {template.Info.ID, "card:2", "third", ""},
		"card without a file":   {carousel.Info.ID, "card:1", "", "this message has no file"},
		"card that is not":      {carousel.Info.ID, "card:3", "", "this message has no such part"},
		"quoted, without quote": {carousel.Info.ID, "quoted", "", "this message has no such part"},
		"card of a text":        {quote.Info.ID, "card:0", "", "this message has no such part"},
	} {
		t.Run(name, func(t *testing.T) {
			id := "false_15550000002@c.us_" + tc.id
			answer := r.Raw("Message.downloadMedia", id, map[string]any{"part": tc.part})
			file, err := r.Download(r.Ctx, id, tc.part)
			if tc.want == "" {
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "no_file" || f.Msg != tc.reason || answer != "null" {
					t.Errorf("stream: %v, downloadMedia: %.60s", err, answer)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer file.File.Close()
			if data, err := io.ReadAll(file.File); err != nil || string(data) != tc.want || !strings.Contains(answer, b64([]byte(tc.want))) {
				t.Errorf("stream: %q, %v; downloadMedia: %.80s", data, err, answer)
			}
		})
	}
	for _, part := range []string{"card", "card:", "card:-1", "card:+1", "card:01", "card:99999999999", "quote", "card:0 "} {
		t.Run("no part "+part, func(t *testing.T) {
			_, err := r.Try("", "Message.downloadMedia", "false_15550000002@c.us_"+quote.Info.ID, map[string]any{"part": part})
			if _, streamed := r.Download(r.Ctx, "false_15550000002@c.us_"+quote.Info.ID, part); !fault.Is(err, fault.Invalid) ||
				relaytest.FieldOf(err) != "params[1].part" || !fault.Is(streamed, fault.Invalid) {
				t.Errorf("%v names %s; stream: %v", err, relaytest.FieldOf(err), streamed)
			}
		})
	}
}
