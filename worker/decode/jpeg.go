package decode

import "encoding/binary"

const (
	jpegSOF0, jpegSOF1, jpegSOF2 = 0xc0, 0xc1, 0xc2 // baseline, extended, progressive
	jpegSOS, jpegEOI             = 0xda, 0xd9
	jpegApp14                    = 0xee
)

// jpegCost follows image/jpeg. It counts the samples of whole blocks of 8x8, in the grid
// of the largest sampling factors. A progressive image takes four more bytes for each
// sample, and unusual colours take a copy.
func jpegCost(raw []byte) (width, height int, cost int64, err error) {
	adobe, adobeTransform := false, byte(0)
	for at := 2; at+4 <= len(raw); {
		if raw[at] != 0xff {
			at++ // the decoder skips bytes between segments
			continue
		}
		marker := raw[at+1]
		if marker == 0xff { // fill
			at++
			continue
		}
		if marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd8 { // markers without a length
			at += 2
			continue
		}
		if marker == jpegSOS || marker == jpegEOI {
			return 0, 0, 0, errFormat // before a frame
		}
		length := int(binary.BigEndian.Uint16(raw[at+2:]))
		if length < 2 || at+2+length > len(raw) {
			return 0, 0, 0, errFormat
		}
		body := raw[at+4 : at+2+length]
		switch marker {
		case jpegApp14:
			if len(body) >= 12 && string(body[:5]) == "Adobe" {
				adobe, adobeTransform = true, body[11]
			}
		case jpegSOF0, jpegSOF1, jpegSOF2:
			return jpegFrame(body, marker == jpegSOF2, adobe && adobeTransform == 0)
		}
		at += 2 + length
	}
	return 0, 0, 0, errFormat
}

func jpegFrame(body []byte, progressive, plainColours bool) (width, height int, cost int64, err error) {
	if len(body) < 6 {
		return 0, 0, 0, errFormat
	}
	height, width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	n := int(body[5])
	if n < 1 || n > 4 || len(body) < 6+3*n {
		return 0, 0, 0, errFormat
	}
	hMost, vMost, blocks := int64(1), int64(1), int64(0)
	for i := range n {
		h, v := int64(body[6+3*i+1]>>4), int64(body[6+3*i+1]&15)
		if h < 1 || h > 4 || v < 1 || v > 4 {
			return 0, 0, 0, errFormat
		}
		hMost, vMost, blocks = max(hMost, h), max(vMost, v), blocks+h*v
	}
	if n == 1 { // its factors mean nothing
		hMost, vMost, blocks = 1, 1, 1
	}
	grid := ((int64(width) + 8*hMost - 1) / (8 * hMost)) * ((int64(height) + 8*vMost - 1) / (8 * vMost))
	each := int64(1)
	if progressive {
		each += 4
	}
	// A segment behind the frame could still make the copy necessary. Then the job's limit
	// of memory stops it.
	copied := n == 4 || n == 3 && (plainColours || body[6] == 'R')
	cost = grid * blocks * 64 * each
	if copied {
		cost += 4 * int64(width) * int64(height)
	}
	return width, height, cost, nil
}
