package decode

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	// walkedFrames is how many frames of a sound without a table are measured: most of a
	// minute. What follows is taken to be like them.
	walkedFrames = 2000
	// longestGap is how far behind tags the first frame may lie.
	longestGap = 4 << 10
	frameHead  = 4
)

// mpegFrame is the head of a frame of MPEG audio, layer III (ISO 11172-3 §2.4.1.3, 13818-3).
type mpegFrame struct {
	length  int64 // bytes
	samples int64
	rate    int64 // samples a second
	table   int64 // where a table of the first frame begins, from the frame's start
}

// kilobits are the rates of layer III: of version 1, and of versions 2 and 2.5.
var kilobits = [2][16]int64{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
}

// frameAt reads the head of a frame of layer III, which is what MP3 is.
func frameAt(file io.ReaderAt, offset int64) (f mpegFrame, ok bool) {
	b := at(file, offset, frameHead)
	if b == nil || b[0] != 0xff || b[1]&0xe0 != 0xe0 || b[1]>>1&3 != 1 {
		return f, false
	}
	version, rate := b[1]>>3&3, b[2]>>2&3
	if version == 1 || rate == 3 {
		return f, false
	}
	f.rate, f.samples, f.table = []int64{44100, 48000, 32000}[rate], 1152, 32
	old := 0
	switch version {
	case 2: // version 2
		old, f.rate = 1, f.rate/2
	case 0: // version 2.5
		old, f.rate = 1, f.rate/4
	}
	mono := b[3]>>6 == 3
	switch {
	case old == 1:
		f.samples, f.table = 576, 17
		if mono {
			f.table = 9
		}
	case mono:
		f.table = 17
	}
	f.table += frameHead
	f.length = f.samples/8*kilobits[old][b[2]>>4]*1000/f.rate + int64(b[2]>>1&1)
	return f, f.length > frameHead
}

// mpeg measures MP3: by the count of frames that encoders write into the first one, or else
// by the frames.
func mpeg(file *io.SectionReader) (m Measures) {
	begin, end := int64(0), file.Size()
	for range 4 { // tags in front
		tag := at(file, begin, 10)
		if tag == nil || string(tag[:3]) != "ID3" {
			break
		}
		begin += 10 + int64(tag[6]&127)<<21 + int64(tag[7]&127)<<14 + int64(tag[8]&127)<<7 + int64(tag[9]&127)
		if tag[5]&0x10 != 0 {
			begin += 10
		}
	}
	if tag := at(file, end-128, 3); string(tag) == "TAG" {
		end -= 128
	}
	first, ok := mpegFrame{}, false
	for gap := int64(0); gap < longestGap && !ok; gap++ {
		if first, ok = frameAt(file, begin+gap); ok {
			// Any two bytes can look like a frame, a chain of them cannot.
			_, ok = frameAt(file, begin+gap+first.length)
			begin += gap
		}
	}
	if !ok {
		return m
	}
	if frames := counted(file, begin, first); frames > 0 {
		m.Length = lengthOf(frames*uint64(first.samples), uint32(first.rate))
		return m
	}
	samples, offset := int64(0), begin
	for range walkedFrames {
		next, ok := frameAt(file, offset)
		if !ok || offset+next.length > end {
			break
		}
		samples, offset = samples+next.samples, offset+next.length
	}
	if offset > begin && end > begin {
		seconds := float64(samples) / float64(first.rate) * float64(end-begin) / float64(offset-begin)
		m.Length = time.Duration(min(seconds, maxLength.Seconds()) * float64(time.Second))
	}
	return m
}

// counted is the number of frames as the tables Xing, Info and VBRI tell it; 0 without.
func counted(file io.ReaderAt, begin int64, first mpegFrame) uint64 {
	const flagFrames = 1
	if table := at(file, begin+first.table, 12); table != nil && (string(table[:4]) == "Xing" || string(table[:4]) == "Info") {
		if table[7]&flagFrames != 0 {
			return uint64(binary.BigEndian.Uint32(table[8:]))
		}
	}
	const vbri = frameHead + 32 // whatever the version
	if table := at(file, begin+vbri, 18); table != nil && string(table[:4]) == "VBRI" {
		return uint64(binary.BigEndian.Uint32(table[14:]))
	}
	return 0
}
