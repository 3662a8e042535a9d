package phone

import (
	"context"
	"crypto/rand"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/media"
)

// SendImage uploads a picture and sends it with a caption, which may be empty.
func (p *Phone) SendImage(
	ctx context.Context, to types.JID, mimeType string, data []byte, caption string, opts ...Option,
) (types.MessageID, error) {
	blob, err := p.net.Media().Put(media.Image, data)
	if err != nil {
		return "", fmt.Errorf("upload image: %w", err)
	}
	o := collect(opts)
	image := &waE2E.ImageMessage{
		URL: proto.String(blob.URL), DirectPath: proto.String(blob.DirectPath), Mimetype: proto.String(mimeType),
		MediaKey: blob.Key, FileSHA256: blob.SHA256, FileEncSHA256: blob.EncSHA256,
		FileLength: proto.Uint64(blob.Length), ContextInfo: o.contextInfo(),
		MediaKeyTimestamp: proto.Int64(p.now().Unix()),
	}
	if caption != "" {
		image.Caption = proto.String(caption)
	}
	return o.id, p.send(ctx, to, o.id, &waE2E.Message{ImageMessage: image})
}

// SendDocument uploads a file and sends it under a name.
func (p *Phone) SendDocument(
	ctx context.Context, to types.JID, mimeType, name string, data []byte, opts ...Option,
) (types.MessageID, error) {
	blob, err := p.net.Media().Put(media.Document, data)
	if err != nil {
		return "", fmt.Errorf("upload document: %w", err)
	}
	o := collect(opts)
	return o.id, p.send(ctx, to, o.id, &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
		URL: proto.String(blob.URL), DirectPath: proto.String(blob.DirectPath), Mimetype: proto.String(mimeType),
		FileName: proto.String(name), Title: proto.String(name),
		MediaKey: blob.Key, FileSHA256: blob.SHA256, FileEncSHA256: blob.EncSHA256,
		FileLength: proto.Uint64(blob.Length), ContextInfo: o.contextInfo(),
		MediaKeyTimestamp: proto.Int64(p.now().Unix()),
	}})
}

// attachment is where a message's media lies and how it is opened.
type attachment interface {
	GetDirectPath() string
	GetMediaKey() []byte
}

func attachmentOf(m *waE2E.Message) (attachment, media.Kind) {
	switch {
	case m.GetImageMessage() != nil:
		return m.GetImageMessage(), media.Image
	case m.GetStickerMessage() != nil:
		return m.GetStickerMessage(), media.Image
	case m.GetVideoMessage() != nil:
		return m.GetVideoMessage(), media.Video
	case m.GetAudioMessage() != nil:
		return m.GetAudioMessage(), media.Audio
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage(), media.Document
	}
	return nil, ""
}

// Download fetches and decrypts the attachment of a message from the media host.
func (p *Phone) Download(m *waE2E.Message) ([]byte, error) {
	a, kind := attachmentOf(m)
	if a == nil {
		return nil, fmt.Errorf("download: message has no attachment")
	}
	body, err := p.net.Media().Get(a.GetDirectPath())
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	return media.Decrypt(kind, a.GetMediaKey(), body)
}

// uploadAgain answers a companion that did not find an attachment on the media host. The body
// that Expire set aside plays the phone's own copy; without one, the answer is a failure.
func (p *Phone) uploadAgain(node waBinary.Node, r Receipt) {
	device, ok := p.lidOf(r.From, attrJID(node, "sender_lid"))
	rmr, asked := node.GetOptionalChildByTag("rmr")
	if !ok || !asked {
		return
	}
	id := r.IDs[0]
	reply := waBinary.Node{Tag: "error", Attrs: waBinary.Attrs{"code": "2"}}
	if a := p.findAttachment(id); a != nil && p.net.Media().Revive(a.GetDirectPath()) {
		if sealed, err := sealMediaRetry(id, a); err == nil {
			reply = sealed
		}
	}
	p.net.Send(p.lid, waBinary.Node{
		Tag:     "notification",
		Attrs:   waBinary.Attrs{"to": device, "type": "mediaretry", "id": id, "t": unix(p.now())},
		Content: []waBinary.Node{reply, rmr},
	})
}

func (p *Phone) findAttachment(id types.MessageID) attachment {
	for _, c := range p.chats() {
		for _, m := range c.Messages {
			if a, _ := attachmentOf(m.Message); a != nil && m.ID == id {
				return a
			}
		}
	}
	return nil
}

func sealMediaRetry(id types.MessageID, a attachment) (waBinary.Node, error) {
	plaintext, err := proto.Marshal(&waMmsRetry.MediaRetryNotification{
		StanzaID: proto.String(id), DirectPath: proto.String(a.GetDirectPath()),
		Result: waMmsRetry.MediaRetryNotification_SUCCESS.Enum(),
	})
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("marshal media retry: %w", err)
	}
	iv := make([]byte, 12)
	rand.Read(iv)
	key := hkdfutil.SHA256(a.GetMediaKey(), nil, []byte("WhatsApp Media Retry Notification"), 32)
	sealed, err := gcmutil.Encrypt(key, iv, plaintext, []byte(id))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("encrypt media retry: %w", err)
	}
	return waBinary.Node{Tag: "encrypt", Content: []waBinary.Node{
		{Tag: "enc_p", Content: sealed}, {Tag: "enc_iv", Content: iv},
	}}, nil
}
