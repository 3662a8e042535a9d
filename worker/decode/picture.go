package decode

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/draw"
)

const (
	// StickerSide is the side of a sticker in pixels, as WhatsApp requires it.
	StickerSide = 512
	// pictureSide is the side of a profile picture in pixels; phones and
	// WhatsApp Web upload that size.
	pictureSide    = 640
	pictureQuality = 90
	// ThumbnailSide is the longer side of the preview inside a message, in pixels.
	ThumbnailSide    = 72
	thumbnailQuality = 60
)

// onImages are the operations on an image, with their functions.
var onImages = map[operation]func(image.Image) ([]byte, error){opThumbnail: small, opSquare: squared, opSticker: webpSticker}

// picture decodes a file and applies an operation to it.
func picture(do func(image.Image) ([]byte, error), raw []byte) (answer, []byte) {
	img, err := decodeImage(raw, pixelBudget)
	switch {
	case errors.Is(err, errFormat):
		return answer{Failed: wordFormat}, nil
	case errors.Is(err, errTooBig):
		return answer{Failed: wordTooBig}, nil
	case err != nil || img.Bounds().Empty():
		return answer{Failed: wordDamaged}, nil
	}
	size := img.Bounds().Size()
	made, err := do(img)
	if err != nil {
		return answer{Failed: wordDamaged}, nil
	}
	return answer{Width: size.X, Height: size.Y}, made
}

// fit returns the sides of an image that is scaled so that the longer one is side.
func fit(b image.Rectangle, side int) (w, h int) {
	if b.Dx() > b.Dy() {
		return side, max(1, b.Dy()*side/b.Dx())
	}
	return max(1, b.Dx()*side/b.Dy()), side
}

func small(img image.Image) ([]byte, error) {
	w, h := fit(img.Bounds(), ThumbnailSide)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Over, nil)
	return asJPEG(out, thumbnailQuality)
}

// squared crops the image around its middle.
func squared(img image.Image) ([]byte, error) {
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	from := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	out := image.NewRGBA(image.Rect(0, 0, pictureSide, pictureSide))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src) // shows through transparent pixels
	img, from = halved(img, from, pictureSide)
	draw.CatmullRom.Scale(out, out.Bounds(), img, from, draw.Over, nil)
	return asJPEG(out, pictureQuality)
}

func webpSticker(img image.Image) ([]byte, error) {
	w, h := fit(img.Bounds(), StickerSide)
	out := image.NewNRGBA(image.Rect(0, 0, StickerSide, StickerSide)) // the rest stays transparent
	at := image.Pt((StickerSide-w)/2, (StickerSide-h)/2)
	img, from := halved(img, img.Bounds(), w)
	draw.CatmullRom.Scale(out, image.Rect(0, 0, w, h).Add(at), img, from, draw.Src, nil)
	var buf bytes.Buffer
	if err := nativewebp.Encode(&buf, out, nil); err != nil {
		return nil, fmt.Errorf("encode sticker: %w", err)
	}
	return buf.Bytes(), nil
}

// halved halves a part of an image, without loss of quality, as often as scaling it to the
// width would exceed the budget. Scaling takes four numbers of 8 bytes for each pixel of
// the new width and the old height.
func halved(img image.Image, from image.Rectangle, width int) (image.Image, image.Rectangle) {
	for int64(width)*int64(from.Dy())*32 > scratchBudget && from.Dx() > 1 && from.Dy() > 1 {
		half := image.NewRGBA(image.Rect(0, 0, from.Dx()/2, from.Dy()/2))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), img, from, draw.Src, nil)
		img, from = half, half.Bounds()
	}
	return img, from
}

func asJPEG(img image.Image, quality int) ([]byte, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return buf.Bytes(), nil
}
