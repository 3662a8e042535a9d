package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

var (
	errFormat = errors.New("neither JPEG, PNG, GIF nor WebP")
	errTooBig = errors.New("the image takes too much memory")
)

// format is one kind of image: its first bytes, its decoder, and the memory that decoding
// takes.
type format struct {
	begins func([]byte) bool
	decode func(io.Reader) (image.Image, error)
	// cost reads the header only. It returns the size of the image in pixels and the
	// most memory that decoding takes, in bytes.
	cost func([]byte) (width, height int, bytes int64, err error)
}

var formats = []format{
	{func(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) }, png.Decode, pngCost},
	{func(b []byte) bool { return bytes.HasPrefix(b, []byte("\xff\xd8")) }, jpeg.Decode, jpegCost},
	{func(b []byte) bool { return bytes.HasPrefix(b, []byte("GIF8")) }, gif.Decode, gifCost},
	{func(b []byte) bool {
		return len(b) > 16 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
	}, webp.Decode, webpCost},
}

// decodeImage decodes an image that stays within the budget. The header decides that
// before anything is decoded. The budget is in bytes and not in pixels, because a pixel of
// 16 bits takes twice as much, and a pixel of a progressive JPEG up to six times.
func decodeImage(raw []byte, budget int64) (image.Image, error) {
	for _, f := range formats {
		if !f.begins(raw) {
			continue
		}
		width, height, bytesNeeded, err := f.cost(raw)
		if err != nil || width < 1 || height < 1 {
			return nil, errFormat
		}
		if bytesNeeded > budget {
			return nil, errTooBig
		}
		return f.decode(bytes.NewReader(raw))
	}
	return nil, errFormat
}

// pngCost counts 4 or 8 bytes for a pixel, since the decoder makes such pixels when there
// is a transparent colour, which is defined behind the header. An interlaced image is
// assembled from its seven passes.
func pngCost(raw []byte) (width, height int, cost int64, err error) {
	const depth, colour, interlace, size = 24, 25, 28, 29
	if len(raw) < size || string(raw[12:16]) != "IHDR" {
		return 0, 0, 0, errFormat
	}
	w, h := binary.BigEndian.Uint32(raw[16:]), binary.BigEndian.Uint32(raw[20:])
	if w > maxSide || h > maxSide {
		return 0, 0, 0, errTooBig
	}
	each := int64(4)
	switch {
	case raw[depth] == 16:
		each = 8
	case raw[colour] == 3:
		each = 1
	}
	if raw[interlace] != 0 {
		each *= 2
	}
	return int(w), int(h), area(w, h) * each, nil
}

// gifCost counts the first frame, which is the only one that is decoded and lies within
// the screen. An interlaced frame is copied once.
func gifCost(raw []byte) (width, height int, cost int64, err error) {
	if len(raw) < 10 {
		return 0, 0, 0, errFormat
	}
	w, h := uint32(binary.LittleEndian.Uint16(raw[6:])), uint32(binary.LittleEndian.Uint16(raw[8:]))
	return int(w), int(h), area(w, h) * 2, nil
}

// webpCost counts 1.5 bytes for a pixel of a lossy image without transparency. The
// lossless form, which transparency uses as well, takes 4 bytes, and a copy for a palette.
func webpCost(raw []byte) (width, height int, cost int64, err error) {
	c, err := webp.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return 0, 0, 0, errFormat
	}
	each := int64(10)
	if string(raw[12:16]) == "VP8 " {
		each = 2
	}
	w, h := uint32(c.Width), uint32(c.Height)
	return c.Width, c.Height, area(w+15, h+15) * each, nil // in blocks of 16
}

func area(w, h uint32) int64 { return int64(w) * int64(h) }
