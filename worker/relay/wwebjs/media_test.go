package wwebjs

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"golang.org/x/image/webp"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/spool"
)

// film is the head of an MP4 (ISO 14496-12) of 3.9 s and 320x240 pixels.
const film = "AAAAFGZ0eXBpc29tAAACAGlzb20AAADYbW9vdgAAAGxtdmhkAAAAAAAAAAAAAAAAAAAD6AAADzwAAAAAAAAAAAAAAAAAAAAAAAAA" +
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGR0cmFrAAAAXHRr" +
	"aGQAAAAHAAAAAAAAAAAAAAABAAAAAAAADzwAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAABA" +
	"AAAAAUAAAADwAAA="

// opus is the first page of a voice message and a last one that says 2.5 s.
var opus = append(append([]byte("OggS\x00\x02"), append(make([]byte, 20), []byte("\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00")...)...),
	append([]byte("OggS\x00\x04\xc0\xd4\x01\x00\x00\x00\x00\x00"), make([]byte, 20)...)...)

func b64(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// mediaAnswer is a MessageMedia, as callers read it.
type mediaAnswer struct {
	Mimetype, Data string
	Filename       *string
	Filesize       int
}

// hasPreview reports whether the preview is a JPEG of the size that phones draw.
func hasPreview(preview []byte) bool {
	c, err := jpeg.DecodeConfig(bytes.NewReader(preview))
	return err == nil && c.Width == decode.ThumbnailSide && c.Height == decode.ThumbnailSide/3
}

// TestMediaReachesThePhone: what the contact's phone decrypts is what was given.
func TestMediaReachesThePhone(t *testing.T) {
	voice, err := os.ReadFile("../../decode/testdata/voice.ogg")
	if err != nil {
		t.Fatal(err)
	}
	filmed, err := base64.StdEncoding.DecodeString(film)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	printed, err := os.ReadFile("../../decode/testdata/threepages.pdf")
	if err != nil {
		t.Fatal(err)
	}
	photo, clip, report := relaytest.Picture(t, 300, 100), bytes.Repeat([]byte("moving "), 5000), []byte("%PDF-1.4 a report")
	for _, tc := range []struct {
		name    string
		media   map[string]any
		options map[string]any
		want    []byte
		holds   func(*waE2E.Message) bool
		kind    string
	}{
		{"image", map[string]any{"mimetype": "image/png", "data": b64(photo)}, map[string]any{"caption": "look"}, photo, func(m *waE2E.Message) bool {
			im := m.GetImageMessage()
			return im.GetCaption() == "look" && im.GetWidth() == 300 && im.GetHeight() == 100 && len(im.GetJPEGThumbnail()) > 0 && im.GetFileLength() == uint64(len(photo))
		}, "image"},
		{"data URL", map[string]any{"$type": "MessageMedia", "data": "data:image/png;base64," + b64(photo)}, nil, photo, func(m *waE2E.Message) bool { return m.GetImageMessage().GetMimetype() == "image/png" }, "image"},
		{"video", map[string]any{"mimetype": "video/mp4", "data": b64(clip)}, nil, clip, func(m *waE2E.Message) bool {
			return m.GetVideoMessage() != nil && !m.GetVideoMessage().GetGifPlayback()
		}, "video"},
		{"video of 3.9 seconds", map[string]any{"mimetype": "video/mp4", "data": film}, nil, filmed, func(m *waE2E.Message) bool {
			v := m.GetVideoMessage()
			return v.GetSeconds() == 3 && v.GetWidth() == 320 && v.GetHeight() == 240
		}, "video"},
		{"video with a given preview", map[string]any{"mimetype": "video/mp4", "data": film}, map[string]any{"thumbnail": "data:image/png;base64," + b64(photo)}, filmed, func(m *waE2E.Message) bool {
			return hasPreview(m.GetVideoMessage().GetJPEGThumbnail())
		}, "video"},
		{"GIF", map[string]any{"mimetype": "video/mp4", "data": b64(clip)}, map[string]any{"sendVideoAsGif": true}, clip, func(m *waE2E.Message) bool { return m.GetVideoMessage().GetGifPlayback() }, "video"},
		{"audio", map[string]any{"mimetype": "audio/mpeg", "data": b64(clip)}, nil, clip, func(m *waE2E.Message) bool { return m.GetAudioMessage() != nil && !m.GetAudioMessage().GetPTT() }, "audio"},
		{"voice", map[string]any{"mimetype": "audio/ogg", "data": b64(opus)}, map[string]any{"sendAudioAsVoice": true}, opus, func(m *waE2E.Message) bool {
			a := m.GetAudioMessage()
			return a.GetPTT() && a.GetMimetype() == "audio/ogg; codecs=opus" && a.GetSeconds() == 2
		}, "ptt"},
		{"voice of three seconds", map[string]any{"mimetype": "audio/ogg", "data": b64(voice)}, map[string]any{"sendAudioAsVoice": true}, voice, func(m *waE2E.Message) bool {
			a := m.GetAudioMessage()
			return a.GetSeconds() == 3 && len(a.GetWaveform()) == 64 && slices.Max(a.GetWaveform()) == 100 && a.GetWaveform()[0] < 10
		}, "ptt"},
		{"document", map[string]any{"mimetype": "application/pdf", "data": b64(report), "filename": "report.pdf", "filesize": 17}, nil, report, func(m *waE2E.Message) bool { return m.GetDocumentMessage().GetFileName() == "report.pdf" }, "document"},
		{"document of three pages", map[string]any{"mimetype": "application/pdf", "data": b64(printed), "filename": "three.pdf"}, map[string]any{"thumbnail": b64(photo)}, printed, func(m *waE2E.Message) bool {
			d := m.GetDocumentMessage()
			return d.GetPageCount() == 3 && hasPreview(d.GetJPEGThumbnail()) && d.GetThumbnailWidth() == 300
		}, "document"},
		{"document with a caption", map[string]any{"mimetype": "application/pdf", "data": b64(report), "filename": "report.pdf"}, map[string]any{"caption": "read it"}, report, func(m *waE2E.Message) bool {
			return m.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage().GetCaption() == "read it"
		}, "document"},
		{"image as document", map[string]any{"mimetype": "image/png", "data": b64(photo)}, map[string]any{"sendMediaAsDocument": true}, photo, func(m *waE2E.Message) bool {
			return m.GetDocumentMessage().GetMimetype() == "image/png" && hasPreview(m.GetDocumentMessage().GetJPEGThumbnail())
		}, "document"},
		{"view once", map[string]any{"mimetype": "image/png", "data": b64(photo)}, map[string]any{"isViewOnce": true}, photo, func(m *waE2E.Message) bool {
			return m.GetViewOnceMessageV2().GetMessage().GetImageMessage().GetViewOnce()
		}, "image"},
	} {
		sent := ask[shape.Message](r, "sendMessage", "15550000002@c.us", tc.media, tc.options)
		if sent.Type != tc.kind || !sent.HasMedia || sent.MediaKey == "" {
			t.Errorf("%s: answered %+v", tc.name, sent)
		}
		got := r.Arrived(bob, tc.name, func(m *waE2E.Message) bool { return tc.holds(m) })
		data, err := bob.Phone().Download(message.Unwrap(got.Message).Message)
		if err != nil || !bytes.Equal(data, tc.want) {
			t.Errorf("%s: the phone decrypted %d bytes, want %d: %v", tc.name, len(data), len(tc.want), err)
		}
	}

	// Stickers become WebP; the text is the caption of options.media.
	ask[shape.Message](r, "Chat.sendMessage", "15550000002@c.us", map[string]any{"mimetype": "image/png", "data": b64(photo)}, map[string]any{"sendMediaAsSticker": true})
	got := r.Arrived(bob, "sticker", func(m *waE2E.Message) bool { return m.GetStickerMessage() != nil })
	data, err := bob.Phone().Download(got.Message)
	if err != nil {
		t.Fatal(err)
	}
	if conf, err := webp.DecodeConfig(bytes.NewReader(data)); err != nil || conf.Width != decode.StickerSide || conf.Height != decode.StickerSide {
		t.Errorf("sticker of %dx%d: %v", conf.Width, conf.Height, err)
	}
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "the caption", map[string]any{"media": map[string]any{"mimetype": "image/png", "data": b64(photo)}})
	r.Arrived(bob, "caption", func(m *waE2E.Message) bool { return m.GetImageMessage().GetCaption() == "the caption" })

	// What browsers make of a file has its type in front.
	for name, media := range map[string]map[string]any{
		"a data URL":                     {"data": "data:image/png;base64," + b64(photo)},
		"a data URL with a tag":          {"$type": "MessageMedia", "data": "data:image/png;base64," + b64(photo)},
		"the mimetype before the URL's":  {"mimetype": "image/png", "data": "data:text/plain;base64," + b64(photo)},
		"spaces around the URL and more": {"data": " data:image/png;base64," + b64(photo) + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			ask[shape.Message](r, "sendMessage", "15550000002@c.us", media, map[string]any{"caption": name})
			r.Arrived(bob, name, func(m *waE2E.Message) bool {
				return m.GetImageMessage().GetCaption() == name && m.GetImageMessage().GetMimetype() == "image/png"
			})
		})
	}
	for _, wrong := range []struct {
		name, field string
		media       map[string]any
	}{
		{"no type", "params[1].mimetype", map[string]any{"$type": "MessageMedia", "data": "aGk="}},
		{"no type and no tag", "params[1].mimetype", map[string]any{"data": "aGk="}},
		{"a data URL without a type", "params[1].mimetype", map[string]any{"data": "data:;base64,aGk="}},
		{"a type that is none", "params[1].mimetype", map[string]any{"mimetype": "picture", "data": "aGk="}},
		{"no base64", "params[1].data", map[string]any{"mimetype": "image/png", "data": "no base64!"}},
		{"a data URL that is no base64", "params[1].data", map[string]any{"data": "data:text/plain,hi"}},
		{"a data URL without a comma", "params[1].data", map[string]any{"data": "data:image/png;base64"}},
		{"a data URL without a byte", "params[1].data", map[string]any{"data": "data:image/png;base64,"}},
		{"data that is no text", "params[1].data", map[string]any{"mimetype": "image/png", "data": 5}},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			if _, err := r.Try("", "sendMessage", "15550000002@c.us", wrong.media); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != wrong.field {
				t.Errorf("%v names %s, want %s", err, relaytest.FieldOf(err), wrong.field)
			}
		})
	}
	for name, preview := range map[string]string{"no base64": "no base64!", "no image": b64(report), "too long": strings.Repeat("A", 1<<20+4)} {
		t.Run("preview of "+name, func(t *testing.T) {
			_, err := r.Try("", "sendMessage", "15550000002@c.us", map[string]any{"mimetype": "video/mp4", "data": film}, map[string]any{"thumbnail": preview})
			if !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != "options.thumbnail" {
				t.Errorf("%v names %s", err, relaytest.FieldOf(err))
			}
		})
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		_, err := r.Try("", "sendMessage", "15550000002@c.us", map[string]any{"mimetype": "audio/mpeg", "data": b64(clip)}, map[string]any{"sendAudioAsVoice": true})
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Unimplemented || f.Code != "no_ffmpeg" {
			t.Errorf("a voice message that needs ffmpeg: %v", err)
		}
	}
}

func TestDownloadMedia(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	photo := relaytest.Picture(t, 40, 40)
	id, err := bob.Phone().SendImage(r.Ctx, r.Me.PN(), "image/png", photo, "look")
	if err != nil {
		t.Fatal(err)
	}
	message := await(r, "image", func(m *events.Message) bool { return m.Info.ID == id })
	serialized := "false_15550000002@c.us_" + id
	same := func(when string) {
		t.Helper()
		got := ask[mediaAnswer](r, "Message.downloadMedia", serialized)
		if got.Mimetype != "image/png" || got.Data != b64(photo) || got.Filesize != len(photo) {
			t.Errorf("%s: %s, %d bytes", when, got.Mimetype, got.Filesize)
		}
		file, err := r.Download(r.Ctx, serialized, "")
		if err != nil {
			t.Fatalf("%s, streamed: %v", when, err)
		}
		defer file.File.Close()
		if data, err := io.ReadAll(file.File); !bytes.Equal(data, photo) || err != nil || file.Mimetype != "image/png" || file.Size != int64(len(photo)) {
			t.Errorf("%s, streamed: %d of %d bytes, %s, %v", when, len(data), file.Size, file.Mimetype, err)
		}
		r.Files.Spool.Sweep(time.Now().Add(spool.Keep)) // so that the next one asks WhatsApp again
	}
	same("at once")

	// WhatsApp drops files after some weeks; the phone uploads them again.
	path := message.Message.GetImageMessage().GetDirectPath()
	r.Sim.Media().Expire(path)
	same("after it expired")

	// A text has no file.
	text := r.Say(bob, "only words")
	if got := r.Raw("Message.downloadMedia", "false_15550000002@c.us_"+text); got != "null" {
		t.Errorf("media of a text: %s", got)
	}
	for id, kind := range map[string]fault.Kind{
		"false_15550000002@c.us_" + text: fault.NotFound, "false_15550000002@c.us_3EB0AAAAAAAAAAAAAA": fault.NotFound, "nonsense": fault.Invalid,
	} {
		t.Run(id, func(t *testing.T) {
			if _, err := r.Download(r.Ctx, id, ""); !fault.Is(err, kind) {
				t.Errorf("stream of %s: %v", id, err)
			}
		})
	}
	name, err := bob.Phone().SendDocument(r.Ctx, r.Me.PN(), "text/plain", "notes.txt", []byte("notes"))
	if err != nil {
		t.Fatal(err)
	}
	await(r, "document", func(m *events.Message) bool { return m.Info.ID == name })
	if got := ask[mediaAnswer](r, "Message.downloadMedia", "false_15550000002@c.us_"+name); got.Filename == nil || *got.Filename != "notes.txt" || got.Data != b64([]byte("notes")) {
		t.Errorf("document %+v", got)
	}
}

func TestSendUploaded(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	photo := relaytest.Picture(t, 40, 40)
	name, _, err := r.Files.Spool.Put(bytes.NewReader(photo), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	sent := ask[shape.Message](r, "sendMessage", "15550000002@c.us", map[string]any{"$type": "MessageMedia", "mimetype": "image/png", "upload": name}, map[string]any{"caption": "uploaded"})
	if sent.Type != "image" || sent.Body != "uploaded" {
		t.Errorf("answer %+v", sent)
	}
	r.Eventually("the picture at Bob's", func() bool {
		for _, m := range bob.Phone().Received() {
			if file := m.Message.GetImageMessage(); file.GetCaption() == "uploaded" && file.GetFileLength() == uint64(len(photo)) {
				return true
			}
		}
		return false
	})
	if _, err := r.Try("", "sendMessage", "15550000002@c.us", map[string]any{"mimetype": "image/png", "upload": "../../etc/passwd"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no such upload: %v", err)
	}
}

func TestMediaFromURL(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	photo := relaytest.Picture(t, 30, 30)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/photo.png":
			w.Header().Set("Content-Type", "image/png")
			w.Write(photo)
		case "/named":
			w.Header().Set("Content-Disposition", `attachment; filename="../plan.pdf"`)
			w.Header().Set("Content-Type", "application/pdf")
			w.Write([]byte("%PDF"))
		case "/inside":
			http.Redirect(w, req, "http://[::1]:1/secret", http.StatusFound)
		case "/empty":
		default:
			http.NotFound(w, req)
		}
	}))
	defer files.Close()
	if _, err := r.Try("", "MessageMedia.fromUrl", files.URL+"/photo.png"); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != "params[0]" {
		t.Errorf("an internal address was asked: %v", err)
	}
	r.Files.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if got := ask[mediaAnswer](r, "MessageMedia.fromUrl", files.URL+"/photo.png"); got.Mimetype != "image/png" || got.Data != b64(photo) || *got.Filename != "photo.png" {
		t.Errorf("%s %v", got.Mimetype, got.Filename)
	}
	if got := ask[mediaAnswer](r, "MessageMedia.fromUrl", files.URL+"/named"); *got.Filename != "plan.pdf" || got.Mimetype != "application/pdf" {
		t.Errorf("%s %s", got.Mimetype, *got.Filename)
	}
	for _, bad := range []string{"ftp://example.org/x", "file:///etc/passwd", "http://user:pw@example.org/", files.URL + "/inside", files.URL + "/none", files.URL + "/empty", "http://127.0.0.1:1/"} {
		if _, err := r.Try("", "MessageMedia.fromUrl", bad); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != "params[0]" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", map[string]any{"url": files.URL + "/photo.png"}, map[string]any{"caption": "fetched"})
	got := r.Arrived(bob, "fetched", func(m *waE2E.Message) bool { return m.GetImageMessage().GetCaption() == "fetched" })
	if data, err := bob.Phone().Download(got.Message); err != nil || !bytes.Equal(data, photo) {
		t.Errorf("the phone decrypted %d bytes: %v", len(data), err)
	}
	if _, err := r.Try("", "MessageMedia.fromFilePath", "/etc/passwd"); !fault.Is(err, fault.Unimplemented) {
		t.Errorf("fromFilePath: %v", err)
	}
}
