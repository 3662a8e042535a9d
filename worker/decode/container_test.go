package decode

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

// mp3Frame is a frame of silence: version 1, layer III, 128 kbit/s, 44100 Hz, stereo. It
// takes 417 bytes (ISO 11172-3 §2.4.3.1), and has 1152 samples.
func mp3Frame(body string) []byte {
	out := append([]byte{0xff, 0xfb, 0x90, 0x00}, make([]byte, 413)...)
	copy(out[4+32:], body)
	return out
}

// element is one of EBML (RFC 8794), with a size of eight bytes.
func element(id string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(binary.BigEndian.AppendUint64([]byte(id), 1<<56|uint64(len(body))), body...)
}

func float(v float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)) }

// The ids are those of RFC 9559: EBML, Segment, Info, TimestampScale, Duration, Tracks,
// TrackEntry, Video, PixelWidth, PixelHeight, Cluster.
func webm(info ...[]byte) []byte {
	tracks := element("\x16\x54\xae\x6b",
		element("\xae", element("\xe1", element("\x9f", []byte{2}))),
		element("\xae", element("\xe0", element("\xb0", []byte{1, 0x40}), element("\xba", []byte{240}))))
	return slicesOf(element("\x1aE\xdf\xa3", element("\x42\x82", []byte("webm"))), []byte("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"),
		element("\x15\x49\xa9\x66", info...), tracks, element("\x1f\x43\xb6\x75", element("\xe7", []byte{0})))
}

// xrefPDF is a PDF whose table is the text.
func xrefPDF(table string) []byte {
	return fmt.Appendf(nil, "%%PDF-1.4\n%s%%%0100d\nstartxref\n9\n%%%%EOF\n", table, 0)
}

// office is a file of Office whose properties (ECMA-376 part 1, §15.2.12.3) hold the text.
func office(t *testing.T, properties string) []byte {
	t.Helper()
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	for name, text := range map[string]string{
		"word/document.xml": "<document/>",
		"docProps/app.xml": `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` +
			`<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties">` + properties + `</Properties>`,
	} {
		part, err := archive.Create(name)
		if err == nil {
			_, err = part.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestMeasureSoundsAndDocuments(t *testing.T) {
	real, err := os.ReadFile("testdata/threepages.pdf") // printed by Chromium
	if err != nil {
		t.Fatal(err)
	}
	silence := mp3Frame("")
	count := string(be32(1, 2000))
	vorbisID := slicesOf([]byte("OggS\x00\x02"), make([]byte, 20), []byte("\x01\x1e\x01vorbis\x00\x00\x00\x00\x02\x44\xac\x00\x00"), make([]byte, 14))
	lastPage := func(samples uint64) []byte {
		return slicesOf([]byte("OggS\x00\x04"), binary.LittleEndian.AppendUint64(nil, samples), make([]byte, 13))
	}
	streamInfo := func(rate, samples uint64) []byte {
		return slicesOf([]byte("fLaC\x00\x00\x00\x22"), make([]byte, 10), binary.BigEndian.AppendUint64(nil, rate<<44|1<<41|15<<36|samples), make([]byte, 16))
	}
	lasting := func(seconds float64) Measures {
		return Measures{Length: time.Duration(seconds * float64(time.Second))}
	}
	near := func(got, want time.Duration) bool { return (got - want).Abs() < 30*time.Millisecond }
	for _, tc := range []struct {
		name string
		file []byte
		want Measures
		err  error
	}{
		{"MP3 of one rate", bytes.Repeat(silence, 383), lasting(10), nil},
		{"MP3 behind tags", slicesOf([]byte("ID3\x04\x00\x00\x00\x00\x02\x00"), make([]byte, 256), bytes.Repeat(silence, 383), []byte("TAG"), make([]byte, 125)), lasting(10), nil},
		{"MP3 longer than what is walked", bytes.Repeat(silence, 3830), lasting(100.049), nil},
		{"MP3 with the table Xing", slicesOf(mp3Frame("Xing"+count), silence, silence), lasting(52.245), nil},
		{"MP3 with the table Info", slicesOf(mp3Frame("Info"+count), silence, silence), lasting(52.245), nil},
		{"MP3 with the table VBRI", slicesOf(mp3Frame("VBRI"+string(make([]byte, 10))+string(be32(2000))), silence, silence), lasting(52.245), nil},
		{"MP3 that says days", slicesOf(mp3Frame("Xing"+string(be32(1, 1<<32-1))), silence, silence), Measures{}, ErrFormat},
		{"MP3 of tags only", slicesOf([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f")), Measures{}, ErrFormat},
		{"one frame of MP3", silence, Measures{}, ErrFormat},
		{"AAC with heads of ADTS", bytes.Repeat(slicesOf([]byte{0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc}, make([]byte, 9)), 50), Measures{}, ErrFormat},
		{"WebM", webm(element("\x2a\xd7\xb1", []byte{0x0f, 0x42, 0x40}), element("\x44\x89", float(3500))), Measures{3500 * time.Millisecond, 320, 240, 0}, nil},
		{"WebM as browsers record it", webm(element("\x2a\xd7\xb1", []byte{0x0f, 0x42, 0x40})), Measures{0, 320, 240, 0}, nil},
		{"WebM of no number", webm(element("\x44\x89", float(math.NaN()))), Measures{0, 320, 240, 0}, nil},
		{"WebM of less than nothing", webm(element("\x44\x89", float(-5))), Measures{0, 320, 240, 0}, nil},
		{"WebM with an element of exabytes", slicesOf(element("\x1aE\xdf\xa3"), []byte("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\xec\x01\x7f\xff\xff\xff\xff\xff\xff")), Measures{}, ErrFormat},
		{"Ogg with Vorbis", slicesOf(vorbisID, lastPage(441000)), lasting(10), nil},
		{"Ogg with Vorbis without end", slicesOf(vorbisID, lastPage(1<<64-1)), Measures{}, ErrFormat},
		{"Ogg with something else", slicesOf([]byte("OggS\x00\x02"), make([]byte, 60)), Measures{}, ErrFormat},
		{"FLAC", streamInfo(48000, 480000), lasting(10), nil},
		{"FLAC of an unknown length", streamInfo(48000, 0), Measures{}, ErrFormat},
		{"PDF of three pages", real, Measures{Pages: 3}, nil},
		{"half a PDF", real[:len(real)/2], Measures{}, ErrFormat},
		{"DOCX", office(t, "<Pages>4</Pages><Words>900</Words>"), Measures{Pages: 4}, nil},
		{"PPTX", office(t, "<Words>90</Words><Slides>7</Slides>"), Measures{Pages: 7}, nil},
		{"XLSX", office(t, "<Application>Microsoft Excel</Application>"), Measures{}, ErrFormat},
		{"DOCX of a million million pages", office(t, "<Pages>1000000000000</Pages>"), Measures{}, ErrFormat},
		{"half a DOCX", office(t, "<Pages>4</Pages>")[:90], Measures{}, ErrFormat},
		{"PDF with a table of gigabytes", xrefPDF("xref\n0 99999999999\ntrailer\n<</Size 99999999999>>\n"), Measures{}, ErrFormat},
		{"PDF without an end", xrefPDF("xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Prev 9>>\n"), Measures{}, ErrLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pool(t)
			if errors.Is(tc.err, ErrLimit) {
				p.heads.time = time.Second
			}
			got, err := p.Measure(t.Context(), handed(t, tc.file))
			if !near(got.Length, tc.want.Length) || !errors.Is(err, tc.err) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tc.want, tc.err)
			}
			if got.Length = tc.want.Length; got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}
