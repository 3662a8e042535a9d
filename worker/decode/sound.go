package decode

import (
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/pion/opus"
	"github.com/pion/opus/pkg/oggreader"
)

const (
	// waveformSize is how many values WhatsApp's apps draw.
	waveformSize = 64
	opusRate     = 48000
	// opusFrame is the longest packet of Opus: 120 ms.
	opusFrame = opusRate / 1000 * 120
	// binSize is how many samples are summed up while the length is not known: 1 ms.
	binSize = 48
	// longestSound bounds what is decoded, and with it the bins in memory.
	longestSound = opusRate * 3600
)

// waveform reads Ogg with Opus and returns the 64 values from 0 to 100 that are drawn.
func waveform(raw []byte) (answer, []byte) {
	loudness, err := opusLoudness(raw)
	switch {
	case errors.Is(err, errFormat):
		return answer{Failed: wordFormat}, nil
	case errors.Is(err, errTooBig):
		return answer{Failed: wordTooBig}, nil
	case err != nil:
		return answer{Failed: wordDamaged}, nil
	}
	return answer{}, drawn(loudness)
}

// opusLoudness decodes the sound and returns the mean of the absolute values of each
// binSize samples.
func opusLoudness(raw []byte) ([]float64, error) {
	pages, head, err := oggreader.NewWith(bytes.NewReader(raw))
	if err != nil {
		return nil, errFormat
	}
	decoder, err := opus.NewDecoderWithOutput(opusRate, 1)
	if err != nil {
		return nil, err
	}
	var bins []float64
	var sum float64
	filled, total, skip, end := 0, 0, int(head.PreSkip), uint64(0)
	pcm := make([]float32, opusFrame)
	for {
		packet, page, err := pages.ParseNextPacket()
		if errors.Is(err, io.EOF) {
			// The last page says where the sound ends inside its last packet.
			return bins[:min(uint64(len(bins)), (max(end, uint64(head.PreSkip))-uint64(head.PreSkip))/binSize)], nil
		}
		if err != nil {
			return nil, err
		}
		end = page.GranulePosition
		if bytes.HasPrefix(packet, []byte("OpusTags")) || len(packet) == 0 {
			continue
		}
		n, err := decoder.DecodeToFloat32(packet, pcm)
		if err != nil {
			return nil, err
		}
		if total += n; total > longestSound {
			return nil, errTooBig
		}
		for _, sample := range pcm[:n] {
			if skip > 0 {
				skip--
				continue
			}
			sum += math.Abs(float64(sample))
			if filled++; filled == binSize {
				bins = append(bins, sum/binSize)
				sum, filled = 0, 0
			}
		}
	}
}

// drawn makes 64 values of the loudness, as whatsapp-web.js does: the mean of each of 64
// parts of the same length, measured by the loudest, in whole percent. Silence and sounds
// that are too short give none.
func drawn(loudness []float64) []byte {
	part := len(loudness) * binSize / waveformSize // samples
	means := make([]float64, waveformSize)
	loudest := 0.0
	for i := range means {
		from, to := part*i/binSize, part*(i+1)/binSize
		for _, one := range loudness[from:to] {
			means[i] += one / float64(to-from)
		}
		loudest = max(loudest, means[i])
	}
	if loudest == 0 {
		return nil
	}
	out := make([]byte, waveformSize)
	for i, mean := range means {
		out[i] = byte(100 * mean / loudest)
	}
	return out
}
