package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// operation is the work of a job.
type operation string

const (
	opThumbnail operation = "thumbnail" // a small JPEG, and the size of the image
	opSquare    operation = "square"    // a JPEG of 640 pixels, cropped around the middle
	opSticker   operation = "sticker"   // WebP of 512 pixels
	opWaveform  operation = "waveform"  // 64 values, of Ogg with Opus
	opMeasure   operation = "measure"   // length and size, of a file that is handed over
	opVoice     operation = "voice"     // Ogg with Opus, by ffmpeg
	opClip      operation = "clip"      // an animated sticker, by ffmpeg
)

// converts reports whether ffmpeg does the work.
func (o operation) converts() bool { return conversions[o] != nil }

// maxHeader bounds the document in front of a file, in both directions.
const maxHeader = 4 << 10

// request is the document at the start of a job's input. It comes from the worker, so the
// checks are against mistakes only.
type request struct {
	Op      operation `json:"op"`
	Size    int64     `json:"size"`              // bytes of the file that follows
	Memory  int64     `json:"memory"`            // bytes of memory that the job may take
	CPU     uint64    `json:"cpu"`               // seconds of a processor
	Program string    `json:"program,omitempty"` // ffmpeg; conversions only
}

func (r request) check() error {
	_, own := onImages[r.Op]
	own = own || r.Op == opWaveform || r.Op == opMeasure
	switch {
	case own && r.Program != "":
		return fmt.Errorf("a program with operation %q", r.Op)
	case own:
	case !r.Op.converts():
		return errors.New("unknown operation")
	case !filepath.IsAbs(r.Program):
		return fmt.Errorf("operation %q without the path of a program", r.Op)
	}
	switch {
	case r.Size < 0 || r.Size > maxInput:
		return fmt.Errorf("size %d", r.Size)
	case r.Memory < minMemory || r.Memory > maxMemory:
		return fmt.Errorf("memory %d", r.Memory)
	case r.CPU < 1 || r.CPU > maxCPU:
		return fmt.Errorf("cpu %d", r.CPU)
	}
	return nil
}

// The words of an answer for a file that could not be decoded.
const (
	wordFormat  = "format"
	wordTooBig  = "too_big"
	wordDamaged = "damaged"
)

// answer is the document in front of the result of a job of our own.
type answer struct {
	Failed string `json:"failed,omitempty"` // one of the words above
	Width  int    `json:"width,omitempty"`  // of the image that was read, in pixels
	Height int    `json:"height,omitempty"`
	Millis int64  `json:"millis,omitempty"` // length of what was measured
	Pages  int    `json:"pages,omitempty"`  // of a document
	Open   bool   `json:"open,omitempty"`   // the kernel could not confine the job, or only in part
}

func (a answer) check() error {
	switch a.Failed {
	case "", wordFormat, wordTooBig, wordDamaged:
	default:
		return errors.New("unknown failure")
	}
	if a.Millis < 0 || a.Millis > maxLength.Milliseconds() {
		return fmt.Errorf("%d milliseconds", a.Millis)
	}
	if a.Pages < 0 || a.Pages > maxPages {
		return fmt.Errorf("%d pages", a.Pages)
	}
	if a.Width < 0 || a.Width > maxSide || a.Height < 0 || a.Height > maxSide {
		return fmt.Errorf("an image of %dx%d", a.Width, a.Height)
	}
	return nil
}

// header encodes a document with its length in front.
func header(document any) ([]byte, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("encode header: %d bytes", len(text))
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// readHeader reads a document and not one byte more: ffmpeg goes on reading from the same
// descriptor.
func readHeader[T interface{ check() error }](r io.Reader) (T, error) {
	var document T
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return document, fmt.Errorf("read header: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxHeader {
		return document, fmt.Errorf("read header: %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return document, fmt.Errorf("read header: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&document); err != nil {
		return document, fmt.Errorf("read header: %w", err)
	}
	if dec.More() {
		return document, errors.New("read header: more than one document")
	}
	return document, document.check()
}
