package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// errRefusedMemory stands for both ends of a program that gets no more memory: it
// says so, or crashes.
var errRefusedMemory = errors.New("refused memory")

// fakeFFmpeg puts a script in the place of ffmpeg.
func fakeFFmpeg(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ffmpeg"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
}

// TestAConverterIsHeldAsDecodersAre: what a video has taken over in ffmpeg's place.
func TestAConverterIsHeldAsDecodersAre(t *testing.T) {
	if err := secretsForTest(t); err != nil {
		t.Fatal(err)
	}
	const read = "while read -r line; do :; done; "
	for _, tc := range []struct {
		name, script string
		want         error
		out          string
	}{
		{"converts", read + "printf done", nil, "done"},
		{"is not ffmpeg's file", "exit 1", ErrFormat, ""},
		{"says nothing", read, ErrFormat, ""},
		{"hangs", "while :; do :; done", ErrLimit, ""},
		{"takes memory", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", errRefusedMemory, ""},
		{"starts processes", "/bin/true && printf forked; exit 1", ErrFormat, ""},
		{"becomes another program", "exec /bin/cat " + secretFile, ErrFormat, ""},
		{"reads a file", "read -r x < " + secretFile + "; printf \"$x\"", ErrFormat, ""},
		{"writes a file", "printf x > " + secretFile + " && printf written; exit 1", ErrFormat, ""},
		{"signals", fmt.Sprintf("kill -0 %d && printf signalled; exit 1", os.Getpid()), ErrFormat, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fakeFFmpeg(t, tc.script)
			p := pool(t)
			if errors.Is(tc.want, ErrLimit) {
				p.convert.time = time.Second
			}
			out, err := p.Voice(t.Context(), []byte("ID3 a song\n"))
			if errors.Is(tc.want, errRefusedMemory) && (errors.Is(err, ErrFormat) || errors.Is(err, ErrLimit)) {
				return
			}
			if !errors.Is(err, tc.want) || string(out) != tc.out {
				t.Errorf("%q, %v, want %q, %v", out, err, tc.out, tc.want)
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := pool(t).Clip(t.Context(), nil); !errors.Is(err, ErrNoConverter) {
		t.Errorf("without ffmpeg: %v", err)
	}
	if kept, err := os.ReadFile(secretFile); string(kept) != "of the worker" {
		t.Errorf("the file holds %q, %v", kept, err)
	}
}

// film is a video without compression.
func film(w, h, frames int) []byte {
	out := fmt.Appendf(nil, "YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n", w, h)
	for i := range frames {
		frame := bytes.Repeat([]byte{128}, w*h*3/2)
		for at := i; at < w*h; at += 7 {
			frame[at] = byte(at)
		}
		out = append(append(out, "FRAME\n"...), frame...)
	}
	return out
}

// tone is a WAV file of some seconds.
func tone(seconds int) []byte {
	const rate = 16000
	size := uint32(seconds * rate * 2)
	le := binary.LittleEndian
	out := le.AppendUint32([]byte("RIFF"), 36+size)
	out = le.AppendUint32(append(out, "WAVEfmt "...), 16)
	out = le.AppendUint16(le.AppendUint16(out, 1), 1)
	out = le.AppendUint32(le.AppendUint32(out, rate), rate*2)
	out = le.AppendUint16(le.AppendUint16(out, 2), 16)
	out = le.AppendUint32(append(out, "data"...), size)
	for i := range seconds * rate {
		out = le.AppendUint16(out, uint16(i%64<<8))
	}
	return out
}

// TestFFmpegItself works within the limits, and refuses what goes beyond them.
func TestFFmpegItself(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed; TestAConverterIsHeldAsDecodersAre has a program in its place")
	}
	p := pool(t)
	begun := time.Now()
	voice, err := p.Voice(t.Context(), tone(60))
	if err != nil || !bytes.HasPrefix(voice, []byte("OggS")) || !bytes.Contains(voice[:512], []byte("OpusHead")) {
		t.Errorf("a voice message of %d bytes: %v", len(voice), err)
	}
	t.Logf("a minute of sound: %d KiB after %v", len(voice)>>10, time.Since(begun).Round(time.Millisecond))
	begun = time.Now()
	clip, err := p.Clip(t.Context(), film(320, 240, 100))
	if err != nil || len(clip) < 30 || string(clip[8:16]) != "WEBPVP8X" || clip[20]&2 == 0 {
		t.Errorf("an animated sticker of %d bytes: %v", len(clip), err)
	}
	t.Logf("an animated sticker: %d KiB after %v", len(clip)>>10, time.Since(begun).Round(time.Millisecond))
	begun = time.Now()
	bomb := film(7680, 4320, 1)
	if out, err := p.Clip(t.Context(), bomb); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) {
		t.Errorf("8K: %d bytes, %v", len(out), err)
	}
	t.Logf("8K refused after %v", time.Since(begun).Round(time.Millisecond))
}
