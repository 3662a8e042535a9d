package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The boxes are written as ISO 14496-12 has them (8.2.2 mvhd, 8.3.2 tkhd, 8.8.2 mehd).
func isoBox(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

func be32(values ...uint32) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

var (
	fileType = isoBox("ftyp", []byte("isom"), be32(0x200), []byte("isomiso2avc1mp41"))
	upright  = be32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
	turned   = be32(0, 0x10000, 0, 0xffff0000, 0, 0, 0, 0, 0x40000000)
)

func movieHead(scale, length uint32) []byte {
	return isoBox("mvhd", be32(0, 0, 0, scale, length), make([]byte, 80))
}

func track(matrix []byte, width, height uint32) []byte {
	return isoBox("trak", isoBox("tkhd", be32(7, 0, 0, 1, 0, 3000, 0, 0, 0, 0), matrix, be32(width<<16, height<<16)))
}

func TestMeasure(t *testing.T) {
	long := isoBox("mvhd", be32(1<<24, 0, 0, 0, 0, 600), be32(0, 3900), make([]byte, 80))
	wide := isoBox("trak", isoBox("tkhd", be32(1<<24|7, 0, 0, 0, 0, 1, 0, 0, 3000, 0, 0, 0, 0), upright, be32(640<<16, 360<<16)))
	wav := append([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00"), make([]byte, 32000)...)
	for _, tc := range []struct {
		name string
		file []byte
		want Measures
		err  error
	}{
		{"a video", slicesOf(fileType, isoBox("moov", movieHead(1000, 3000), track(make([]byte, 36), 0, 0), track(upright, 1920, 1080)), isoBox("mdat", []byte("frames"))), Measures{3 * time.Second, 1920, 1080, 0}, nil},
		{"filmed upright", slicesOf(fileType, isoBox("moov", movieHead(600, 3900), track(turned, 1920, 1080))), Measures{6500 * time.Millisecond, 1080, 1920, 0}, nil},
		{"heads of version 1", slicesOf(fileType, isoBox("moov", long, wide)), Measures{6500 * time.Millisecond, 640, 360, 0}, nil},
		{"in fragments", slicesOf(fileType, isoBox("moov", movieHead(1000, 0), isoBox("mvex", isoBox("mehd", be32(0, 4200))), track(upright, 320, 240))), Measures{4200 * time.Millisecond, 320, 240, 0}, nil},
		{"a sound", slicesOf(fileType, isoBox("free", make([]byte, 100)), isoBox("moov", movieHead(44100, 88200))), Measures{Length: 2 * time.Second}, nil},
		{"WAV of two seconds", wav, Measures{Length: 2 * time.Second}, nil},
		{"no length", slicesOf(fileType, isoBox("moov", movieHead(1000, 0))), Measures{}, ErrFormat},
		{"no scale", slicesOf(fileType, isoBox("moov", movieHead(0, 10))), Measures{}, ErrFormat},
		{"no end", slicesOf(fileType, isoBox("moov", movieHead(1, 1<<32-1))), Measures{}, ErrFormat},
		{"a box that is too large", slicesOf(fileType, be32(1<<31), []byte("moov"), movieHead(1000, 3000)), Measures{}, ErrFormat},
		{"a box of no size", slicesOf(fileType, be32(4), []byte("moov")), Measures{}, ErrFormat},
		{"boxes without end", slicesOf(fileType, bytes.Repeat(isoBox("free"), 2*maxBoxes), isoBox("moov", movieHead(1000, 3000))), Measures{}, ErrFormat},
		{"half a head", fileType[:11], Measures{}, ErrFormat},
		{"something else", []byte("GIF89a and more"), Measures{}, ErrFormat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := pool(t).Measure(t.Context(), handed(t, tc.file)); got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tc.want, tc.err)
			}
		})
	}
	t.Run("gigabytes before the head", func(t *testing.T) {
		f := handed(t, slicesOf(fileType, be32(1), []byte("mdat"), be32(0, 2<<30)))
		_, err := f.WriteAt(isoBox("moov", movieHead(1000, 3000), track(upright, 320, 240)), int64(len(fileType))+2<<30)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pool(t).Measure(t.Context(), f); err != nil || got != (Measures{3 * time.Second, 320, 240, 0}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func handed(t *testing.T, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
