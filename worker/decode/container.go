package decode

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/ledongthuc/pdf"
)

const (
	// matroskaHead is how much of a Matroska or WebM file is read. Writers put the length
	// and the tracks in front of the first cluster.
	matroskaHead = 1 << 20
	// longestPage is the size of the longest page of Ogg (RFC 3533 §6).
	longestPage = 27 + 255 + 255*255
	maxPages    = 1_000_000
)

// matroska reads the length and the size of the picture of Matroska and WebM. A file that a
// browser has recorded tells no length.
func matroska(file io.Reader) (m Measures) {
	var doc struct {
		Segment struct {
			Info struct {
				TimecodeScale uint64
				Duration      float64
			}
			Tracks struct {
				TrackEntry []struct {
					Video *struct{ PixelWidth, PixelHeight uint64 }
				}
			}
			Cluster struct{} `ebml:"Cluster,stop"`
		}
	}
	// The end of what is read, or of what the library knows, is no reason to forget what
	// was found before.
	_ = ebml.Unmarshal(bufio.NewReader(io.LimitReader(file, matroskaHead)), &doc, ebml.WithMaxLeafElementSize(matroskaHead))
	info := doc.Segment.Info
	if info.TimecodeScale == 0 {
		info.TimecodeScale = uint64(time.Millisecond)
	}
	if length := info.Duration * float64(info.TimecodeScale); length > 0 && length < float64(maxLength) {
		m.Length = time.Duration(math.Round(length))
	}
	for _, track := range doc.Segment.Tracks.TrackEntry {
		if v := track.Video; v != nil && v.PixelWidth < maxSide && v.PixelHeight < maxSide {
			m.Width, m.Height = int(v.PixelWidth), int(v.PixelHeight)
			break
		}
	}
	return m
}

// vorbis reads the length of Ogg with Vorbis: the samples that the last page tells
// (Vorbis I, A.2), by the rate of the head (§4.2.2).
func vorbis(file *io.SectionReader) (m Measures) {
	_, id, found := bytes.Cut(at(file, 0, min(512, file.Size())), []byte("\x01vorbis"))
	if !found || len(id) < 9 {
		return m
	}
	size := min(longestPage+64, file.Size())
	tail := at(file, file.Size()-size, size)
	if i := bytes.LastIndex(tail, []byte("OggS")); i >= 0 && i+14 <= len(tail) {
		m.Length = lengthOf(binary.LittleEndian.Uint64(tail[i+6:]), binary.LittleEndian.Uint32(id[5:]))
	}
	return m
}

// flac reads the block STREAMINFO, which is the first one (RFC 9639 §8.2).
func flac(file io.ReaderAt) (m Measures) {
	const rateAt = 4 + 4 + 10
	if info := at(file, rateAt, 8); info != nil {
		bits := binary.BigEndian.Uint64(info)
		m.Length = lengthOf(bits&(1<<36-1), uint32(bits>>44))
	}
	return m
}

// pages reads how many pages a PDF has. The library follows the file's own tables, so it
// reads a few places of it; it knows PDF 1.0 to 1.7, and panics at some damaged files.
func pages(file *io.SectionReader) int {
	doc, err := pdf.NewReader(file, file.Size())
	if err != nil {
		return 0
	}
	if n := doc.NumPage(); n > 0 && n <= maxPages {
		return n
	}
	return 0
}
