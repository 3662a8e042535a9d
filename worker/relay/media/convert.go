package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/spool"
)

// asVoice makes Ogg with Opus, which is what a voice message has to be.
func (w *Work) asVoice(ctx context.Context, file Body, field string) (Body, error) {
	start, err := head(file)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(start, []byte("OggS")) && bytes.Contains(start, []byte("OpusHead")) {
		return file, nil
	}
	raw, err := w.whole(ctx, file, field)
	if err != nil {
		return nil, err
	}
	made, err := w.Decoder.Voice(ctx, raw)
	if err != nil {
		return nil, convertFault(err, field, "an audio file that is not Ogg with Opus can be sent as a voice message")
	}
	return held(made), nil
}

// asSticker makes a WebP image of 512 pixels; WebP stays as it is.
func (w *Work) asSticker(
	ctx context.Context, mimetype string, file Body, field string,
) (sticker Body, animated bool, err error) {
	raw, err := w.whole(ctx, file, field)
	if err != nil {
		return nil, false, err
	}
	if len(raw) > 21 && string(raw[:4]) == "RIFF" && string(raw[8:12]) == "WEBP" {
		return file, string(raw[12:16]) == "VP8X" && raw[20]&2 != 0, nil
	}
	if strings.HasPrefix(mimetype, "video/") {
		made, err := w.Decoder.Clip(ctx, raw)
		return held(made), true, convertFault(err, field, "a video can be sent as a sticker")
	}
	made, err := w.Decoder.Sticker(ctx, raw)
	if errors.Is(err, decode.ErrFormat) || errors.Is(err, decode.ErrDamaged) {
		return nil, false, param.Bad(field, "expected an image (JPEG, PNG, GIF, WebP) or a video to make a sticker of")
	}
	return held(made), false, decodeFault(err, field)
}

// Square makes a square JPEG of an image, cropped around the middle: a profile picture.
func (w *Work) Square(ctx context.Context, m *MessageMedia) ([]byte, error) {
	if err := w.load(ctx, m); err != nil {
		return nil, err
	}
	raw, err := w.whole(ctx, m.file, m.at)
	if err != nil {
		return nil, err
	}
	jpeg, err := w.Decoder.Square(ctx, raw)
	return jpeg, decodeFault(err, m.at+".data")
}

// convertFault is the fault for a file that ffmpeg could not convert; nil stays nil.
func convertFault(err error, field, what string) error {
	switch {
	case errors.Is(err, decode.ErrNoConverter):
		f := fault.New(fault.Unimplemented, op, "%s only when ffmpeg is installed on the server", what)
		f.Code = "no_ffmpeg"
		return f
	case errors.Is(err, decode.ErrFormat):
		return param.Bad(field, "ffmpeg cannot read this file")
	}
	return decodeFault(err, field)
}

// decodeFault is the fault for a file that could not be decoded; nil stays nil.
func decodeFault(err error, field string) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, decode.ErrFormat):
		return param.Bad(field, "expected a JPEG, PNG, GIF or WebP image")
	case errors.Is(err, decode.ErrDamaged):
		return param.Bad(field, "the image is damaged")
	case errors.Is(err, decode.ErrTooBig), errors.Is(err, decode.ErrLimit):
		return &fault.Error{Kind: fault.TooLarge, Op: op, Field: field, Code: "media_limit", Msg: err.Error()}
	}
	return fault.Wrap(fault.Internal, op, err, "the file could not be read")
}

// waveform returns what is drawn for a voice message; nil where it cannot be decoded,
// since the message is none the worse. While too many files are being decoded, the
// caller is asked to come again.
func (w *Work) waveform(ctx context.Context, voice Body) ([]byte, error) {
	raw, err := w.whole(ctx, voice, "")
	if fault.Is(err, fault.TooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made, err := w.Decoder.Waveform(ctx, raw)
	if fault.Is(err, fault.RateLimited) || ctx.Err() != nil {
		return nil, err
	}
	return made, nil
}

// told is what a file tells about itself; nil what it does not tell.
type told struct{ seconds, width, height, pages *uint32 }

// measure returns the length and the size of a video or a sound, and the pages of a
// document. Where the file does not tell them, the message goes out without. While too many
// files are being read, the caller is asked to come again.
func (w *Work) measure(ctx context.Context, file Body) (told, error) {
	var f *os.File
	switch file := file.(type) {
	case *spool.Upload:
		f = file.File
	case *spool.Passing:
		f = file.File
	default:
		passing, err := w.Spool.Pass(file.Size(), func(to *spool.File) error {
			_, err := io.Copy(to, reader(file))
			return err
		})
		if err != nil {
			return told{}, err
		}
		defer passing.Close()
		f = passing.File
	}
	found, err := w.Decoder.Measure(ctx, f)
	if fault.Is(err, fault.RateLimited) || ctx.Err() != nil {
		return told{}, err
	}
	if err != nil {
		return told{}, nil
	}
	out := told{
		width: value.OrNil(uint32(found.Width)), height: value.OrNil(uint32(found.Height)),
		pages: value.OrNil(uint32(found.Pages)),
	}
	if found.Length > 0 {
		out.seconds = proto.Uint32(uint32(max(1, found.Length/time.Second)))
	}
	return out, nil
}

const (
	opusRate  = 48000
	opusMagic = "OpusHead"
)

// opusSeconds reads the length of Ogg with Opus, in whole seconds: the granule position
// of the last page less the samples that are skipped at the start, at 48 kHz (RFC 7845
// §4). What is shorter than a second is told as one.
func opusSeconds(file Body) (uint32, bool) {
	const longestPage = 27 + 255 + 255*255
	start, err := head(file)
	if err != nil {
		return 0, false
	}
	_, id, found := bytes.Cut(start, []byte(opusMagic))
	if !found || len(id) < 4 {
		return 0, false
	}
	raw := make([]byte, min(longestPage+64, file.Size()))
	if _, err = file.ReadAt(raw, file.Size()-int64(len(raw))); err != nil && !errors.Is(err, io.EOF) {
		return 0, false
	}
	i := bytes.LastIndex(raw, []byte("OggS"))
	if i < 0 || i+14 > len(raw) {
		return 0, false
	}
	skip := uint64(binary.LittleEndian.Uint16(id[2:]))
	samples := binary.LittleEndian.Uint64(raw[i+6 : i+14])
	if samples < skip || samples > opusRate*24*3600 {
		return 0, false
	}
	return uint32(max(1, (samples-skip)/opusRate)), true
}
