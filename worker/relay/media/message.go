package media

import (
	"bytes"
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
)

// Options are the MessageSendOptions that concern media.
type Options struct {
	Caption    string `json:"caption"`
	AsVoice    bool   `json:"sendAudioAsVoice"`
	AsGif      bool   `json:"sendVideoAsGif"`
	AsSticker  bool   `json:"sendMediaAsSticker"`
	AsDocument bool   `json:"sendMediaAsDocument"`
	AsHD       bool   `json:"sendMediaAsHd"`
	ViewOnce   bool   `json:"isViewOnce"`
	// Thumbnail is an image in base64, as the preview of a video or a document.
	Thumbnail string `json:"thumbnail"`
}

const defaultFilename = "file"

// Message uploads the file and builds the message that shows it, in the form
// that its media type and the options ask for.
func (m *MessageMedia) Message(
	ctx context.Context, w *Work, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	if err := w.load(ctx, m); err != nil {
		return nil, err
	}
	kind, _, _ := strings.Cut(m.Mimetype, "/")
	var built *waE2E.Message
	var err error
	switch {
	case options.AsSticker:
		built, err = m.sticker(ctx, w, info)
	case options.AsDocument:
		built, err = m.document(ctx, w, options, info)
	case kind == "image":
		built, err = m.image(ctx, w, options, info)
	case kind == "video":
		built, err = m.video(ctx, w, options, info)
	case kind == "audio":
		built, err = m.audio(ctx, w, options, info)
	default:
		built, err = m.document(ctx, w, options, info)
	}
	if err != nil {
		return nil, err
	}
	if options.ViewOnce {
		if options.AsDocument || options.AsSticker || built.GetDocumentMessage() != nil {
			return nil, param.Bad("options.isViewOnce", "only images, videos and voice messages can be shown once")
		}
		built = &waE2E.Message{ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: built}}
	}
	return built, nil
}

func (m *MessageMedia) image(
	ctx context.Context, w *Work, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	// An image that cannot be decoded is sent without a preview. While too many are
	// being decoded, the caller is asked to come again.
	raw, err := w.whole(ctx, m.file, m.at)
	if err != nil {
		return nil, err
	}
	preview, err := w.Decoder.Thumbnail(ctx, raw)
	if fault.Is(err, fault.RateLimited) || ctx.Err() != nil {
		return nil, err
	}
	up, err := w.Upload(ctx, m.file, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	im := &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength,
		MediaKeyTimestamp: proto.Int64(time.Now().Unix()), Mimetype: &m.Mimetype, ContextInfo: info,
		Caption: value.OrNil(options.Caption), ViewOnce: value.OrNil(options.ViewOnce),
	}
	if preview.JPEG != nil {
		im.Width, im.Height = proto.Uint32(uint32(preview.Width)), proto.Uint32(uint32(preview.Height))
		im.JPEGThumbnail = preview.JPEG
	}
	if options.AsHD {
		im.ImageSourceType = waE2E.ImageMessage_USER_IMAGE.Enum()
	}
	return &waE2E.Message{ImageMessage: im}, nil
}

func (m *MessageMedia) video(
	ctx context.Context, w *Work, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	preview, err := w.givenPreview(ctx, options)
	if err != nil {
		return nil, err
	}
	up, err := w.Upload(ctx, m.file, whatsmeow.MediaVideo)
	if err != nil {
		return nil, err
	}
	says, err := w.measure(ctx, m.file)
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
		Seconds: says.seconds, Width: says.width, Height: says.height, JPEGThumbnail: preview.JPEG,
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength,
		MediaKeyTimestamp: proto.Int64(time.Now().Unix()), Mimetype: &m.Mimetype, ContextInfo: info,
		Caption: value.OrNil(options.Caption), ViewOnce: value.OrNil(options.ViewOnce),
		GifPlayback: value.OrNil(options.AsGif),
	}}, nil
}

// voiceType is what phones record voice messages as.
const voiceType = "audio/ogg; codecs=opus"

func (m *MessageMedia) audio(
	ctx context.Context, w *Work, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	data, kind := m.file, m.Mimetype
	if options.AsVoice {
		var err error
		if data, err = w.asVoice(ctx, m.file, m.at+".data"); err != nil {
			return nil, err
		}
		kind = voiceType
	}
	up, err := w.Upload(ctx, data, whatsmeow.MediaAudio)
	if err != nil {
		return nil, err
	}
	audio := &waE2E.AudioMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength,
		MediaKeyTimestamp: proto.Int64(time.Now().Unix()), Mimetype: &kind, ContextInfo: info,
		PTT: value.OrNil(options.AsVoice), ViewOnce: value.OrNil(options.ViewOnce),
	}
	if seconds, ok := opusSeconds(data); ok {
		audio.Seconds = &seconds
	} else {
		says, err := w.measure(ctx, data)
		if err != nil {
			return nil, err
		}
		audio.Seconds = says.seconds
	}
	if options.AsVoice {
		if audio.Waveform, err = w.waveform(ctx, data); err != nil {
			return nil, err
		}
	}
	return &waE2E.Message{AudioMessage: audio}, nil
}

func (m *MessageMedia) document(
	ctx context.Context, w *Work, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	preview, err := w.documentPreview(ctx, m, options)
	if err != nil {
		return nil, err
	}
	up, err := w.Upload(ctx, m.file, whatsmeow.MediaDocument)
	if err != nil {
		return nil, err
	}
	var says told
	if m.countsPages() {
		if says, err = w.measure(ctx, m.file); err != nil {
			return nil, err
		}
	}
	name := defaultFilename
	if m.Filename != nil && *m.Filename != "" {
		name = *m.Filename
	}
	doc := &waE2E.DocumentMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength,
		MediaKeyTimestamp: proto.Int64(time.Now().Unix()), Mimetype: &m.Mimetype, ContextInfo: info,
		Caption: value.OrNil(options.Caption), FileName: &name, Title: &name,
		PageCount: says.pages, JPEGThumbnail: preview.JPEG,
	}
	if preview.JPEG != nil {
		doc.ThumbnailWidth, doc.ThumbnailHeight = proto.Uint32(uint32(preview.Width)), proto.Uint32(uint32(preview.Height))
	}
	built := &waE2E.Message{DocumentMessage: doc}
	if options.Caption != "" { // phones show a document's caption in this wrapper only
		built = &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: built}}
	}
	return built, nil
}

func (m *MessageMedia) sticker(ctx context.Context, w *Work, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	data, animated, err := w.asSticker(ctx, m.Mimetype, m.file, m.at+".data")
	if err != nil {
		return nil, err
	}
	up, err := w.Upload(ctx, data, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength,
		MediaKeyTimestamp: proto.Int64(time.Now().Unix()), Mimetype: proto.String("image/webp"), ContextInfo: info,
		Width: proto.Uint32(decode.StickerSide), Height: proto.Uint32(decode.StickerSide), IsAnimated: &animated,
	}}, nil
}

// countsPages reports whether the file may tell how many pages it has.
func (m *MessageMedia) countsPages() bool {
	start, err := head(m.file)
	if err != nil {
		return false
	}
	return bytes.HasPrefix(start, []byte("%PDF-")) ||
		bytes.HasPrefix(start, []byte("PK")) && strings.HasPrefix(m.Mimetype, "application/vnd.openxmlformats-officedocument.")
}
