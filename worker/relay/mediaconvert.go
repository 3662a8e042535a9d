package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"os/exec"
	"strings"
	"time"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/draw"

	"whatsapp-manager/proto/fault"
)

const (
	// stickerSide is the side of a sticker in pixels, as WhatsApp asks of sticker makers.
	stickerSide = 512
	convertTime = 30 * time.Second
)

// asVoice makes Ogg with Opus, which is what a voice message has to be.
func asVoice(ctx context.Context, raw []byte, field string) ([]byte, error) {
	if bytes.HasPrefix(raw, []byte("OggS")) && bytes.Contains(raw[:min(len(raw), 512)], []byte("OpusHead")) {
		return raw, nil
	}
	return convert(ctx, raw, field, "an audio file that is not Ogg with Opus can be sent as a voice message",
		"-i", "pipe:0", "-vn", "-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k", "-f", "ogg", "pipe:1")
}

// asSticker makes a WebP image of 512 pixels; WebP stays as it is.
func asSticker(ctx context.Context, mimetype string, raw []byte, field string) (data []byte, animated bool, err error) {
	if len(raw) > 21 && string(raw[:4]) == "RIFF" && string(raw[8:12]) == "WEBP" {
		return raw, string(raw[12:16]) == "VP8X" && raw[20]&2 != 0, nil
	}
	if strings.HasPrefix(mimetype, "video/") {
		data, err = convert(ctx, raw, field, "a video can be sent as a sticker",
			"-i", "pipe:0", "-an", "-t", "6", "-vf", "fps=10,scale=512:512:force_original_aspect_ratio=decrease,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=#00000000", "-loop", "0", "-f", "webp", "pipe:1")
		return data, true, err
	}
	picture, ok := decodeImage(raw)
	if !ok {
		return nil, false, bad(field, "expected an image (JPEG, PNG, GIF, WebP) or a video to make a sticker of")
	}
	b := picture.Bounds()
	w, h := stickerSide, stickerSide
	if b.Dx() > b.Dy() {
		h = max(1, b.Dy()*stickerSide/b.Dx())
	} else {
		w = max(1, b.Dx()*stickerSide/b.Dy())
	}
	out := image.NewNRGBA(image.Rect(0, 0, stickerSide, stickerSide)) // what is left is transparent
	at := image.Pt((stickerSide-w)/2, (stickerSide-h)/2)
	draw.CatmullRom.Scale(out, image.Rect(0, 0, w, h).Add(at), picture, b, draw.Src, nil)
	var buf bytes.Buffer
	if err := nativewebp.Encode(&buf, out, nil); err != nil {
		return nil, false, fault.Wrap(fault.Internal, op, err, "the sticker could not be made")
	}
	return buf.Bytes(), false, nil
}

// convert lets ffmpeg turn raw into what the arguments say.
func convert(ctx context.Context, raw []byte, field, what string, args ...string) ([]byte, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		f := fault.New(fault.Unimplemented, op, "%s only when ffmpeg is installed on the server", what)
		f.Code = "no_ffmpeg"
		return nil, f
	}
	ctx, cancel := context.WithTimeout(ctx, convertTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-protocol_whitelist", "pipe"}, args...)...)
	cmd.Stdin = bytes.NewReader(raw)
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Env = []string{}
	if err := cmd.Run(); err != nil || out.Len() == 0 {
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Deadline, op, ctx.Err(), "the file took too long to convert")
		}
		return nil, bad(field, "ffmpeg cannot read this file")
	}
	return out.Bytes(), nil
}

// opusSeconds reads the length of Ogg with Opus: the granule position of the
// last page, in samples of 48 kHz (RFC 7845 §4).
func opusSeconds(raw []byte) (uint32, bool) {
	i := bytes.LastIndex(raw, []byte("OggS"))
	if i < 0 || i+14 > len(raw) || !bytes.Contains(raw[:min(len(raw), 512)], []byte("OpusHead")) {
		return 0, false
	}
	samples := binary.LittleEndian.Uint64(raw[i+6 : i+14])
	if samples > 48000*24*3600 {
		return 0, false
	}
	return uint32((samples + 47999) / 48000), true
}
