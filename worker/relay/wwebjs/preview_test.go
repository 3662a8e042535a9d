package wwebjs

import (
	"bytes"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestLinkPreview(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	photo := relaytest.Picture(t, 300, 150)
	asked := make(chan string, 100)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked <- req.URL.Path
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		switch req.URL.Path {
		case "/article":
			w.Write([]byte("<!doctype html><html><head><title>The tab</title><meta property=og:title content='Gr\xfc\xdfe &amp; more\n  lines'>" +
				"<meta name=description content='What it is about'><meta property='og:image' content='/photo.png'></head><body><meta property=og:description content=late></body>"))
		case "/plain":
			w.Write([]byte("<title>Only a title</title>" + strings.Repeat("<p>x", 1<<20)))
		case "/moved":
			http.Redirect(w, req, "/plain", http.StatusFound)
		case "/inside":
			http.Redirect(w, req, "http://[::1]:1/", http.StatusFound)
		case "/photo.png":
			w.Header().Set("Content-Type", "image/png")
			w.Write(photo)
		case "/file":
			w.Header().Set("Content-Type", "application/pdf")
			w.Write([]byte("%PDF<title>no</title>"))
		default:
			http.NotFound(w, req)
		}
	}))
	defer site.Close()
	send := func(text string, options ...any) *waE2E.Message {
		t.Helper()
		ask[shape.Message](r, "sendMessage", append([]any{chat, text}, options...)...)
		return r.Arrived(bob, text, func(m *waE2E.Message) bool {
			return m.GetConversation() == text || m.GetExtendedTextMessage().GetText() == text
		}).Message
	}

	// The site is internal until the operator allows its network.
	if m := send("guarded " + site.URL + "/article"); m.GetConversation() == "" || len(asked) != 0 {
		t.Errorf("an internal page was asked: %v", m)
	}
	r.Files.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

	link := site.URL + "/article"
	got := send("Read "+link+"!", map[string]any{"mentions": []string{chat}}).GetExtendedTextMessage()
	if got.GetMatchedText() != link || got.GetTitle() != "Grüße & more lines" || got.GetDescription() != "What it is about" || len(got.GetContextInfo().GetMentionedJID()) != 1 {
		t.Errorf("preview %v", got)
	}
	if small, err := jpeg.Decode(bytes.NewReader(got.GetJPEGThumbnail())); err != nil || small.Bounds().Dx() != decode.ThumbnailSide || small.Bounds().Dy() != decode.ThumbnailSide/2 {
		t.Errorf("thumbnail: %v", err)
	}
	if got := send("redirected " + site.URL + "/moved").GetExtendedTextMessage(); got.GetTitle() != "Only a title" || got.Description != nil || got.JPEGThumbnail != nil {
		t.Errorf("preview %v", got)
	}
	for _, path := range []string{"/none", "/file", "/inside"} {
		if m := send("nothing " + site.URL + path); m.GetConversation() == "" {
			t.Errorf("%s has a preview: %v", path, m)
		}
	}
	for len(asked) > 0 {
		<-asked
	}
	if m := send("not wanted "+link, map[string]any{"linkPreview": false}); m.GetConversation() == "" || len(asked) != 0 {
		t.Errorf("a preview that was not wanted: %v", m)
	}
}
