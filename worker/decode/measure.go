package decode

import (
	"encoding/binary"
	"io"
	"os"
	"time"
)

// Measures are what a file tells about itself: a video or a sound its length, a document its
// pages.
type Measures struct {
	Length        time.Duration
	Width, Height int // as it is shown, in pixels; 0 for a sound, and where it is not told
	Pages         int
}

const (
	// maxBoxes bounds the boxes, or chunks, of a file that are looked at.
	maxBoxes = 10_000
	// maxLength is longer than any video that is sent.
	maxLength = 48 * time.Hour
	// handedFile is the descriptor of a file that a job reads at any place.
	handedFile = 3
)

// measured reads the file that the job was handed.
func measured() answer {
	f := os.NewFile(handedFile, "file")
	info, err := f.Stat()
	if err != nil {
		return answer{Failed: wordDamaged}
	}
	m, ok := measure(io.NewSectionReader(f, 0, info.Size()))
	if !ok {
		return answer{Failed: wordFormat}
	}
	return answer{Millis: m.Length.Milliseconds(), Width: m.Width, Height: m.Height, Pages: m.Pages}
}

// measure reads MP4 and its kin (ISO 14496-12), Matroska and WebM, MP3, Ogg with Vorbis,
// WAV, FLAC, PDF, DOCX and PPTX; false for everything else, and for what tells nothing. It
// reads a few places only, since the file may have gigabytes.
func measure(file *io.SectionReader) (m Measures, ok bool) {
	switch kind := at(file, 0, 12); {
	case kind == nil:
		return m, false
	case string(kind[:4]) == "RIFF" && string(kind[8:]) == "WAVE":
		m = wave(file)
	case string(kind[4:8]) == "ftyp":
		m = movie(file)
	case string(kind[:4]) == "\x1aE\xdf\xa3":
		m = matroska(file)
	case string(kind[:4]) == "OggS":
		m = vorbis(file)
	case string(kind[:4]) == "fLaC":
		m = flac(file)
	case string(kind[:5]) == "%PDF-":
		m.Pages = pages(file)
		return m, m.Pages > 0
	case string(kind[:4]) == "PK\x03\x04":
		m.Pages = officePages(file)
		return m, m.Pages > 0
	case string(kind[:3]) == "ID3", kind[0] == 0xff && kind[1]&0xe0 == 0xe0:
		m = mpeg(file)
	}
	return m, m.Length < maxLength && (m.Length > 0 || m.Width > 0)
}

// at returns n bytes of the file, nil where it has fewer.
func at(file io.ReaderAt, offset, n int64) []byte {
	buf := make([]byte, n)
	if got, _ := file.ReadAt(buf, offset); int64(got) < n {
		return nil
	}
	return buf
}

func wave(file *io.SectionReader) (m Measures) {
	var rate uint32 // bytes a second
	for offset, n := int64(12), 0; n < maxBoxes; n++ {
		head := at(file, offset, 8)
		if head == nil {
			return m
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			if format := at(file, offset+8, 16); format != nil {
				rate = binary.LittleEndian.Uint32(format[8:])
			}
		case "data":
			if rate > 0 {
				size = min(size, file.Size()-offset-8) // one that was streamed says too much
				m.Length = time.Duration(float64(size) / float64(rate) * float64(time.Second))
			}
			return m
		}
		offset += 8 + size + size%2
	}
	return m
}

// movie reads the box moov, which is at the start or at the end.
func movie(file *io.SectionReader) (m Measures) {
	left := maxBoxes
	var scale uint32
	var visit func(part *io.SectionReader)
	visit = func(part *io.SectionReader) {
		for offset := int64(0); left > 0; left-- {
			kind, body, next := box(part, offset)
			if body == nil {
				return
			}
			switch kind {
			case "moov", "trak", "mvex":
				visit(body)
			case "mvhd":
				var length uint64
				if scale, length = movieHeader(body); length > 0 {
					m.Length = lengthOf(length, scale)
				}
			case "mehd": // of a movie in fragments, whose mvhd has no length
				if length := fragments(body); m.Length == 0 {
					m.Length = lengthOf(length, scale)
				}
			case "tkhd":
				if width, height := trackSize(body); m.Width == 0 && width > 0 && height > 0 {
					m.Width, m.Height = width, height
				}
			}
			if kind == "moov" {
				left = 0
				return
			}
			offset = next
		}
	}
	visit(file)
	return m
}

// box reads the head of the box at offset; a nil body where there is none.
func box(part *io.SectionReader, offset int64) (kind string, body *io.SectionReader, next int64) {
	head := at(part, offset, 8)
	if head == nil {
		return "", nil, 0
	}
	size, begin := int64(binary.BigEndian.Uint32(head)), int64(8)
	switch size {
	case 0: // to the end
		size = part.Size() - offset
	case 1:
		large := at(part, offset+8, 8)
		if large == nil {
			return "", nil, 0
		}
		size, begin = int64(binary.BigEndian.Uint64(large)), 16
	}
	if size < begin || size > part.Size()-offset {
		return "", nil, 0
	}
	return string(head[4:]), io.NewSectionReader(part, offset+begin, size-begin), offset + size
}

func movieHeader(body io.ReaderAt) (scale uint32, length uint64) {
	if head := at(body, 0, 32); head != nil && head[0] == 1 {
		return binary.BigEndian.Uint32(head[20:]), binary.BigEndian.Uint64(head[24:])
	}
	head := at(body, 0, 20)
	if head == nil {
		return 0, 0
	}
	return binary.BigEndian.Uint32(head[12:]), uint64(binary.BigEndian.Uint32(head[16:]))
}

func fragments(body io.ReaderAt) uint64 {
	if head := at(body, 0, 12); head != nil && head[0] == 1 {
		return binary.BigEndian.Uint64(head[4:])
	}
	if head := at(body, 0, 8); head != nil {
		return uint64(binary.BigEndian.Uint32(head[4:]))
	}
	return 0
}

// trackSize is the size of a track as it is shown: phones film upright by a matrix that
// turns the picture.
func trackSize(body io.ReaderAt) (width, height int) {
	version := at(body, 0, 1)
	if version == nil {
		return 0, 0
	}
	matrix := int64(40)
	if version[0] == 1 {
		matrix = 52
	}
	head := at(body, matrix, 44)
	if head == nil {
		return 0, 0
	}
	width, height = int(binary.BigEndian.Uint16(head[36:])), int(binary.BigEndian.Uint16(head[40:]))
	if turned := binary.BigEndian.Uint32(head) == 0 && binary.BigEndian.Uint32(head[16:]) == 0; turned {
		width, height = height, width
	}
	return width, height
}

func lengthOf(units uint64, scale uint32) time.Duration {
	if scale == 0 {
		return 0
	}
	return time.Duration(min(float64(units)/float64(scale), maxLength.Seconds()) * float64(time.Second))
}
