package media

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/relay/param"
)

const (
	thumbnailAt = "options.thumbnail"
	// maxGivenPreview bounds an image that a caller gives to make a preview of, as base64.
	maxGivenPreview = 1 << 20
)

// givenPreview makes the preview of the image that the caller gave with the file; none
// without. Whatever the image is, a small JPEG of our own making goes out.
func (w *Work) givenPreview(ctx context.Context, options Options) (decode.Thumbnail, error) {
	if options.Thumbnail == "" {
		return decode.Thumbnail{}, nil
	}
	if len(options.Thumbnail) > maxGivenPreview {
		return decode.Thumbnail{}, param.Bad(thumbnailAt, "is longer than %d bytes; a preview is drawn small", maxGivenPreview)
	}
	data, err := (&MessageMedia{Data: options.Thumbnail}).fromDataURL(thumbnailAt)
	if err != nil {
		return decode.Thumbnail{}, param.Bad(thumbnailAt, "expected base64, or a data URL of the form data:image/jpeg;base64,…")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(data))
	if err != nil {
		return decode.Thumbnail{}, param.Bad(thumbnailAt, "expected an image in base64")
	}
	made, err := w.Decoder.Thumbnail(ctx, raw)
	if errors.Is(err, decode.ErrDamaged) {
		err = decode.ErrFormat
	}
	return made, decodeFault(err, thumbnailAt)
}

// documentPreview is what the caller gave, or else the document itself where that is an
// image. Other documents have none: a drawing of their first page takes a program that the
// product does not have.
func (w *Work) documentPreview(ctx context.Context, m *MessageMedia, options Options) (decode.Thumbnail, error) {
	if options.Thumbnail != "" || !strings.HasPrefix(m.Mimetype, "image/") {
		return w.givenPreview(ctx, options)
	}
	raw, err := w.whole(ctx, m.file, m.at)
	if fault.Is(err, fault.TooLarge) {
		return decode.Thumbnail{}, nil
	}
	if err != nil {
		return decode.Thumbnail{}, err
	}
	made, err := w.Decoder.Thumbnail(ctx, raw)
	if fault.Is(err, fault.RateLimited) || ctx.Err() != nil {
		return decode.Thumbnail{}, err
	}
	return made, nil
}
