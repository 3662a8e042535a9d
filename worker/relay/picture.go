package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	_ "image/gif" // what integrators send as pictures
	"image/jpeg"
	_ "image/png"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	// pictureSide is the side of a profile picture in pixels; phones and
	// WhatsApp Web upload that size.
	pictureSide = 640
	// maxPixels bounds what a small file may unfold to in memory.
	maxPixels      = 50_000_000
	pictureQuality = 90
)

// kindPicture reads a MessageMedia that is an image and gives the bytes of a
// square JPEG, cropped around the middle.
var kindPicture = kind{"MessageMedia", func(raw json.RawMessage, path string) (any, error) {
	m := &messageMedia{}
	if err := m.read(raw, path); err != nil {
		return nil, err
	}
	conf, _, err := image.DecodeConfig(bytes.NewReader(m.raw))
	if err != nil {
		return nil, bad(path+".data", "expected a JPEG, PNG, GIF or WebP image")
	}
	if conf.Width < 1 || conf.Height < 1 || conf.Width*conf.Height > maxPixels {
		return nil, bad(path+".data", "the image has more than %d pixels", maxPixels)
	}
	picture, _, err := image.Decode(bytes.NewReader(m.raw))
	if err != nil {
		return nil, bad(path+".data", "the image is damaged")
	}
	return square(picture), nil
}}

func square(picture image.Image) []byte {
	b := picture.Bounds()
	side := min(b.Dx(), b.Dy())
	from := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	out := image.NewRGBA(image.Rect(0, 0, pictureSide, pictureSide))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src) // under what is transparent
	draw.CatmullRom.Scale(out, out.Bounds(), picture, from, draw.Over, nil)
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, out, &jpeg.Options{Quality: pictureQuality}) // a buffer and a sane size do not fail
	return buf.Bytes()
}

// pictureRows set and remove the account's own picture.
var pictureRows = []row{
	{name: "setProfilePicture", class: "Client", result: "boolean", need: needOnline, params: []param{{name: "media", kind: kindPicture, doc: "an image; cropped to a square of 640 pixels"}},
		example: pictureExample, doc: "Sets the account's picture; false when WhatsApp refuses it.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.setPicture(ctx, types.EmptyJID, arg[[]byte](c, 0))
		}},
	{name: "deleteProfilePicture", class: "Client", result: "boolean", need: needOnline, doc: "Removes the account's picture; false when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) { return c.setPicture(ctx, types.EmptyJID, nil) }},
}

// The smallest valid GIF.
const pictureExample = `[{"mimetype":"image/gif","data":"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}]`

// setPicture sets the picture of a group, or with the empty address our own;
// nil removes it. It is false when WhatsApp refused.
func (c *call) setPicture(ctx context.Context, jid types.JID, jpeg []byte) (any, error) {
	_, err := c.cli.SetGroupPhoto(ctx, jid, jpeg)
	return accepted(err)
}

// accepted turns WhatsApp's refusal into false, as whatsapp-web.js does where it
// answers a boolean.
func accepted(err error) (any, error) {
	var refused *whatsmeow.IQError
	if errors.As(err, &refused) && refused.Code != 0 && refused.Code < 500 && refused.Code != 429 {
		return false, nil
	}
	return err == nil, err
}
