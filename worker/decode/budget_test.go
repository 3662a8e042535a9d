package decode

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/HugoSmits86/nativewebp"
)

// TestCostIsAtLeastWhatDecodingTakes holds the budget against the decoders.
func TestCostIsAtLeastWhatDecodingTakes(t *testing.T) {
	noisy := image.NewNRGBA(image.Rect(0, 0, 500, 333))
	for i := range noisy.Pix {
		noisy.Pix[i] = byte(i * i >> 3)
	}
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var buf bytes.Buffer
		if err := encode(&buf); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	deep := image.NewNRGBA64(noisy.Rect)
	for name, raw := range map[string][]byte{
		"png":        encoded(func(b *bytes.Buffer) error { return png.Encode(b, noisy) }),
		"png 16 bit": encoded(func(b *bytes.Buffer) error { return png.Encode(b, deep) }),
		"png gray":   encoded(func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(noisy.Rect)) }),
		"png palette": encoded(func(b *bytes.Buffer) error {
			return png.Encode(b, image.NewPaletted(noisy.Rect, color.Palette{color.Black, color.White}))
		}),
		"jpeg":      encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, noisy, nil) }),
		"jpeg gray": encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, image.NewGray(noisy.Rect), nil) }),
		"gif":       encoded(func(b *bytes.Buffer) error { return gif.Encode(b, noisy, nil) }),
		"webp":      encoded(func(b *bytes.Buffer) error { return nativewebp.Encode(b, noisy, nil) }),
	} {
		t.Run(name, func(t *testing.T) {
			img, err := decodeImage(raw, pixelBudget)
			if err != nil {
				t.Fatal(err)
			}
			var held int
			switch img := img.(type) {
			case *image.NRGBA64:
				held = len(img.Pix)
			case *image.RGBA64:
				held = len(img.Pix)
			case *image.NRGBA:
				held = len(img.Pix)
			case *image.RGBA:
				held = len(img.Pix)
			case *image.Gray:
				held = len(img.Pix)
			case *image.Paletted:
				held = len(img.Pix)
			case *image.YCbCr:
				held = len(img.Y) + len(img.Cb) + len(img.Cr)
			default:
				t.Fatalf("%T", img)
			}
			for _, f := range formats {
				if !f.begins(raw) {
					continue
				}
				w, h, cost, err := f.cost(raw)
				if err != nil || w != 500 || h != 333 || cost < int64(held) || cost > 6*int64(held) {
					t.Errorf("%dx%d takes %d, counted as %d, %v", w, h, held, cost, err)
				}
				if _, err := decodeImage(raw, cost-1); !errors.Is(err, errTooBig) {
					t.Errorf("above its budget: %v", err)
				}
			}
		})
	}
}

// frame is a JPEG up to its frame header, whose pixels nobody sent.
func frame(marker byte, w, h, components int, sampling byte) []byte {
	body := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(components)}
	for i := range components {
		s := byte(0x11)
		if i == 0 {
			s = sampling
		}
		body = append(body, byte(i+1), s, 0)
	}
	return append([]byte{0xff, 0xd8, 0xff, marker, 0, byte(len(body) + 2)}, body...)
}

func TestHeadersThatPromiseTooMuch(t *testing.T) {
	pngHeader := func(w, h uint32, depth, colour, interlace byte) []byte {
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), byte(w>>24), byte(w>>16), byte(w>>8), byte(w), byte(h>>24), byte(h>>16), byte(h>>8), byte(h))
		return append(b, depth, colour, 0, 0, interlace, 0, 0, 0, 0)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		cost func([]byte) (int, int, int64, error)
		fits bool
	}{
		"png 7000x7000 of 8 bit":             {pngHeader(7000, 7000, 8, 6, 0), pngCost, true},
		"png 7000x7000 of 16 bit":            {pngHeader(7000, 7000, 16, 6, 0), pngCost, false},
		"png 5300x5300 interlaced":           {pngHeader(5300, 5300, 8, 6, 1), pngCost, false},
		"png of 4 thousand million pixels":   {pngHeader(65535, 65535, 8, 3, 0), pngCost, false},
		"png beyond numbers":                 {pngHeader(1<<31-1, 1<<31-1, 16, 6, 1), pngCost, false},
		"jpeg of 50 million pixels":          {frame(jpegSOF0, 8160, 6120, 3, 0x22), jpegCost, true},
		"progressive jpeg of 12 million":     {frame(jpegSOF2, 4000, 3000, 3, 0x22), jpegCost, true},
		"progressive jpeg of 50 million":     {frame(jpegSOF2, 8160, 6120, 3, 0x22), jpegCost, false},
		"progressive jpeg of four colours":   {frame(jpegSOF2, 4000, 3000, 4, 0x11), jpegCost, false},
		"jpeg with much for one row":         {frame(jpegSOF0, 65535, 65535, 1, 0x44), jpegCost, false},
		"gif of 4 thousand million pixels":   {append([]byte("GIF89a"), 0xff, 0xff, 0xff, 0xff, 0, 0, 0), gifCost, false},
		"gif of 50 million pixels":           {append([]byte("GIF89a"), 0x58, 0x1b, 0x58, 0x1b, 0, 0, 0), gifCost, true},
		"webp of 200 million, lossless":      {[]byte("RIFF\x1e\x00\x00\x00WEBPVP8L\x11\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), webpCost, false},
		"progressive jpeg named otherwise":   {frame(jpegSOF2, 65535, 1000, 3, 0x41), jpegCost, false},
		"jpeg with another segment in front": {append([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xc0}, frame(jpegSOF0, 65535, 65535, 3, 0x11)[2:]...), jpegCost, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, cost, err := tc.cost(tc.raw)
			if errors.Is(err, errTooBig) && !tc.fits {
				return
			}
			if err != nil || (cost <= pixelBudget) != tc.fits {
				t.Errorf("takes %d MiB, fits %v: %v", cost>>20, tc.fits, err)
			}
		})
	}
}
