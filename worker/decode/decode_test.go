package decode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HugoSmits86/nativewebp"
	"github.com/rs/zerolog"
	"golang.org/x/image/webp"

	"whatsapp-manager/proto/fault"
)

// What a decoder does that a file has taken over.
const (
	opHang   operation = "test-hang"   // for ever
	opHoard  operation = "test-hoard"  // takes memory without end
	opCrash  operation = "test-crash"  // panics
	opLook   operation = "test-look"   // tries to get at something, and tells
	opFlood  operation = "test-flood"  // answers without end
	opOutlaw operation = "test-outlaw" // tells its PID and hangs
)

func init() {
	onImages[opHang] = func(image.Image) ([]byte, error) {
		for {
		}
	}
	onImages[opHoard] = func(image.Image) ([]byte, error) {
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte{1}, 8<<20))
		}
	}
	onImages[opCrash] = func(image.Image) ([]byte, error) { panic("of a decoder") }
	onImages[opLook] = func(image.Image) ([]byte, error) { return json.Marshal(lookAround()) }
	onImages[opFlood] = func(image.Image) ([]byte, error) { return make([]byte, 1<<20), nil }
}

func TestMain(m *testing.M) {
	if Asked() {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

func pool(t *testing.T) *Pool { return New(zerolog.New(zerolog.NewTestWriter(t))) }

func pixels(t testing.TB, w, h int) []byte {
	t.Helper()
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		p.Set(x, x%h, color.RGBA{uint8(x), 200, 10, 255})
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, p); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestPictures(t *testing.T) {
	p, raw := pool(t), pixels(t, 300, 100)
	thumb, err := p.Thumbnail(t.Context(), raw)
	if err != nil || thumb.Width != 300 || thumb.Height != 100 {
		t.Fatalf("thumbnail of %dx%d: %v", thumb.Width, thumb.Height, err)
	}
	if c, err := jpeg.DecodeConfig(bytes.NewReader(thumb.JPEG)); err != nil || c.Width != ThumbnailSide || c.Height != 24 {
		t.Errorf("thumbnail is %dx%d: %v", c.Width, c.Height, err)
	}
	square, err := p.Square(t.Context(), raw)
	if c, e := jpeg.DecodeConfig(bytes.NewReader(square)); err != nil || e != nil || c.Width != pictureSide || c.Height != pictureSide {
		t.Errorf("picture is %dx%d: %v %v", c.Width, c.Height, err, e)
	}
	sticker, err := p.Sticker(t.Context(), raw)
	if c, e := webp.DecodeConfig(bytes.NewReader(sticker)); err != nil || e != nil || c.Width != StickerSide || c.Height != StickerSide {
		t.Errorf("sticker is %dx%d: %v %v", c.Width, c.Height, err, e)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		want error
	}{
		"no image": {[]byte("%PDF-1.4"), ErrFormat}, "nothing": {nil, ErrFormat}, "half an image": {raw[:len(raw)/2], ErrDamaged},
		"larger than any image": {make([]byte, maxImage+1), ErrTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pool(t).Square(t.Context(), tc.raw); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// TestAFileThatTakesOverItsDecoderGetsAtNothing looks from inside of a job at
// what this process, which started it, can see and do.
func TestAFileThatTakesOverItsDecoderGetsAtNothing(t *testing.T) {
	if err := secretsForTest(t); err != nil {
		t.Fatal(err)
	}
	_, out, err := pool(t).onImage(t.Context(), opLook, pixels(t, 3, 3), 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	free := lookAround()
	for what, here := range free {
		switch {
		case got[what] == done:
			t.Errorf("a job could: %s", what)
		case here != done && here != sameForAll:
			t.Errorf("proves nothing: %s fails here as well: %s", what, here)
		default:
			t.Logf("%s: %s", what, got[what])
		}
	}
}

const (
	done       = "done"
	sameForAll = "not tried here"
)

const secretFile = "/tmp/wam-decode-test-secret"

func secretsForTest(t *testing.T) error {
	t.Cleanup(func() { _ = os.Remove(secretFile); _ = os.Remove(secretFile + ".new") })
	return os.WriteFile(secretFile, []byte("of the worker"), 0o600)
}

func lookAround() map[string]string {
	seen := map[string]string{}
	try := func(what string, do func() error) {
		seen[what] = done
		if err := do(); err != nil {
			seen[what] = err.Error()
		}
	}
	try("read a file", func() error { _, err := os.ReadFile(secretFile); return err })
	try("write a file", func() error { return os.WriteFile(secretFile+".new", []byte("x"), 0o600) })
	try("list a directory", func() error { _, err := os.ReadDir("/etc"); return err })
	try("open a TCP socket", func() error {
		s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		_ = syscall.Close(s)
		return err
	})
	try("open a unix socket", func() error {
		s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		_ = syscall.Close(s)
		return err
	})
	try("resolve a name", func() error {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err == nil {
			l.Close()
		}
		return err
	})
	try("execute a program", func() error { return exec.Command("/bin/true").Run() })
	try("see another process", func() error { _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid())); return err })
	try("signal its parent", func() error { return syscall.Kill(os.Getppid(), 0) })
	try("trace its parent", func() error {
		if !Asked() {
			return nil
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PTRACE, syscall.PTRACE_ATTACH, uintptr(os.Getppid()), 0); errno != 0 {
			return errno
		}
		return nil
	})
	try("make a key", func() error {
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_KEYCTL, 0, 0, 0, 0, 0, 0); errno == syscall.EPERM {
			return errno
		}
		return nil
	})
	return seen
}

func TestOnlyTheThreeDescriptorsGoIntoAJob(t *testing.T) {
	// Files that this process has open, as a worker has its database's and WhatsApp's.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := p.onImage(ctx, opHang, pixels(t, 3, 3), 1<<10)
		ended <- err
	}()
	pid := onlyChild(t)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		n, _ := strconv.Atoi(fd.Name())
		if n > 2 && !strings.HasPrefix(to, "anon_inode:") { // the runtime's own poller
			t.Errorf("descriptor %d is %s", n, to)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the job of a call that was called off lives on: %v", err)
	}
}

// onlyChild waits for the one job of this process to run its operation.
func onlyChild(t *testing.T) int {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("no job")
		}
		tasks, _ := filepath.Glob("/proc/self/task/*/children")
		for _, task := range tasks {
			raw, _ := os.ReadFile(task)
			for _, field := range strings.Fields(string(raw)) {
				pid, _ := strconv.Atoi(field)
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
				if bytes.Contains(status, []byte("Seccomp:\t2\n")) {
					return pid
				}
			}
		}
	}
}

func TestAJobThatGoesBeyondALimitEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   operation
		set  func(*Pool)
		want error
	}{
		{"time", opHang, func(p *Pool) { p.image.time = 300 * time.Millisecond }, ErrLimit},
		{"processor", opHang, func(p *Pool) { p.image.cpu = 1 }, ErrLimit},
		{"memory", opHoard, func(p *Pool) { p.image.memory = 64 << 20 }, ErrLimit},
		{"answer", opFlood, nil, ErrLimit},
		{"panic", opCrash, nil, ErrDamaged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if raceDetector && tc.op == opHoard {
				t.Skip("the race detector's shadow memory is beyond every limit, so that there is none")
			}
			p := pool(t)
			if tc.set != nil {
				tc.set(p)
			}
			begun := time.Now()
			if _, _, err := p.onImage(t.Context(), tc.op, pixels(t, 3, 3), 1<<10); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			t.Logf("ended after %v", time.Since(begun).Round(time.Millisecond))
			if len(p.jobs) != 0 || p.waiting.Load() != 0 {
				t.Errorf("%d jobs and %d that wait are left", len(p.jobs), p.waiting.Load())
			}
		})
	}
}

func TestWhoComesTooLateIsTurnedAway(t *testing.T) {
	p := pool(t)
	p.patience = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for range jobsAtOnce {
		busy.Go(func() { _, _, _ = p.onImage(ctx, opHang, pixels(t, 3, 3), 1<<10) })
	}
	for len(p.jobs) < jobsAtOnce {
		time.Sleep(time.Millisecond)
	}
	limited := func(when string, err error) {
		t.Helper()
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.RateLimited || f.RetryAfter == 0 {
			t.Errorf("%s: %v", when, err)
		}
	}
	_, err := p.Square(t.Context(), pixels(t, 3, 3))
	limited("after the patience", err)
	p.patience = time.Minute
	for range jobsWaiting {
		busy.Go(func() { _, _ = p.Square(ctx, pixels(t, 3, 3)) })
	}
	for p.waiting.Load() < jobsWaiting {
		time.Sleep(time.Millisecond)
	}
	_, err = p.Square(t.Context(), pixels(t, 3, 3))
	limited("when enough wait", err)
	cancel()
	busy.Wait()
}

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
			if tc.want == ErrLimit {
				p.convert.time = time.Second
			}
			out, err := p.Voice(t.Context(), []byte("ID3 a song\n"))
			if tc.want == errRefusedMemory && (errors.Is(err, ErrFormat) || errors.Is(err, ErrLimit)) {
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

// TestCostIsAtLeastWhatDecodingTakes holds the budget against the decoders.
func TestCostIsAtLeastWhatDecodingTakes(t *testing.T) {
	noisy := image.NewNRGBA(image.Rect(0, 0, 500, 333))
	for i := range noisy.Pix {
		noisy.Pix[i] = byte(i * i >> 3)
	}
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var buf bytes.Buffer
		if err := encode(&buf); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	deep := image.NewNRGBA64(noisy.Rect)
	for name, raw := range map[string][]byte{
		"png":        encoded(func(b *bytes.Buffer) error { return png.Encode(b, noisy) }),
		"png 16 bit": encoded(func(b *bytes.Buffer) error { return png.Encode(b, deep) }),
		"png gray":   encoded(func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(noisy.Rect)) }),
		"png palette": encoded(func(b *bytes.Buffer) error {
			return png.Encode(b, image.NewPaletted(noisy.Rect, color.Palette{color.Black, color.White}))
		}),
		"jpeg":      encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, noisy, nil) }),
		"jpeg gray": encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, image.NewGray(noisy.Rect), nil) }),
		"gif":       encoded(func(b *bytes.Buffer) error { return gif.Encode(b, noisy, nil) }),
		"webp":      encoded(func(b *bytes.Buffer) error { return nativewebp.Encode(b, noisy, nil) }),
	} {
		t.Run(name, func(t *testing.T) {
			img, err := decodeImage(raw, pixelBudget)
			if err != nil {
				t.Fatal(err)
			}
			var held int
			switch img := img.(type) {
			case *image.NRGBA64:
				held = len(img.Pix)
			case *image.RGBA64:
				held = len(img.Pix)
			case *image.NRGBA:
				held = len(img.Pix)
			case *image.RGBA:
				held = len(img.Pix)
			case *image.Gray:
				held = len(img.Pix)
			case *image.Paletted:
				held = len(img.Pix)
			case *image.YCbCr:
				held = len(img.Y) + len(img.Cb) + len(img.Cr)
			default:
				t.Fatalf("%T", img)
			}
			for _, f := range formats {
				if !f.begins(raw) {
					continue
				}
				w, h, cost, err := f.cost(raw)
				if err != nil || w != 500 || h != 333 || cost < int64(held) || cost > 6*int64(held) {
					t.Errorf("%dx%d takes %d, counted as %d, %v", w, h, held, cost, err)
				}
				if _, err := decodeImage(raw, cost-1); !errors.Is(err, errTooBig) {
					t.Errorf("above its budget: %v", err)
				}
			}
		})
	}
}

// frame is a JPEG up to its frame header, whose pixels nobody sent.
func frame(marker byte, w, h, components int, sampling byte) []byte {
	body := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(components)}
	for i := range components {
		s := byte(0x11)
		if i == 0 {
			s = sampling
		}
		body = append(body, byte(i+1), s, 0)
	}
	return append([]byte{0xff, 0xd8, 0xff, marker, 0, byte(len(body) + 2)}, body...)
}

func TestHeadersThatPromiseTooMuch(t *testing.T) {
	pngHeader := func(w, h uint32, depth, colour, interlace byte) []byte {
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), byte(w>>24), byte(w>>16), byte(w>>8), byte(w), byte(h>>24), byte(h>>16), byte(h>>8), byte(h))
		return append(b, depth, colour, 0, 0, interlace, 0, 0, 0, 0)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		cost func([]byte) (int, int, int64, error)
		fits bool
	}{
		"png 7000x7000 of 8 bit":             {pngHeader(7000, 7000, 8, 6, 0), pngCost, true},
		"png 7000x7000 of 16 bit":            {pngHeader(7000, 7000, 16, 6, 0), pngCost, false},
		"png 5300x5300 interlaced":           {pngHeader(5300, 5300, 8, 6, 1), pngCost, false},
		"png of 4 thousand million pixels":   {pngHeader(65535, 65535, 8, 3, 0), pngCost, false},
		"png beyond numbers":                 {pngHeader(1<<31-1, 1<<31-1, 16, 6, 1), pngCost, false},
		"jpeg of 50 million pixels":          {frame(jpegSOF0, 8160, 6120, 3, 0x22), jpegCost, true},
		"progressive jpeg of 12 million":     {frame(jpegSOF2, 4000, 3000, 3, 0x22), jpegCost, true},
		"progressive jpeg of 50 million":     {frame(jpegSOF2, 8160, 6120, 3, 0x22), jpegCost, false},
		"progressive jpeg of four colours":   {frame(jpegSOF2, 4000, 3000, 4, 0x11), jpegCost, false},
		"jpeg with much for one row":         {frame(jpegSOF0, 65535, 65535, 1, 0x44), jpegCost, false},
		"gif of 4 thousand million pixels":   {append([]byte("GIF89a"), 0xff, 0xff, 0xff, 0xff, 0, 0, 0), gifCost, false},
		"gif of 50 million pixels":           {append([]byte("GIF89a"), 0x58, 0x1b, 0x58, 0x1b, 0, 0, 0), gifCost, true},
		"webp of 200 million, lossless":      {[]byte("RIFF\x1e\x00\x00\x00WEBPVP8L\x11\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), webpCost, false},
		"progressive jpeg named otherwise":   {frame(jpegSOF2, 65535, 1000, 3, 0x41), jpegCost, false},
		"jpeg with another segment in front": {append([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xc0}, frame(jpegSOF0, 65535, 65535, 3, 0x11)[2:]...), jpegCost, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, cost, err := tc.cost(tc.raw)
			if errors.Is(err, errTooBig) && !tc.fits {
				return
			}
			if err != nil || (cost <= pixelBudget) != tc.fits {
				t.Errorf("takes %d MiB, fits %v: %v", cost>>20, tc.fits, err)
			}
		})
	}
}

// A GIF of thousands of frames costs what its first frame does.
func TestAGIFOfThousandsOfFrames(t *testing.T) {
	film := gif.GIF{}
	for range 3000 {
		film.Image = append(film.Image, image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.Black, color.White}))
		film.Delay = append(film.Delay, 1)
	}
	var buf bytes.Buffer
	if err := gif.EncodeAll(&buf, &film); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	thumb, err := pool(t).Thumbnail(t.Context(), buf.Bytes())
	if err != nil || thumb.Width != 64 {
		t.Errorf("%+v %v", thumb.Width, err)
	}
	t.Logf("%d KiB with 3000 frames took %v", buf.Len()>>10, time.Since(begun).Round(time.Millisecond))
}

func FuzzRequest(f *testing.F) {
	for _, r := range []request{
		{Op: opThumbnail, Size: 10, Memory: imageMemory, CPU: 1},
		{Op: opVoice, Size: maxInput, Memory: convertMemory, CPU: convertCPU, Program: "/usr/bin/ffmpeg"},
	} {
		seed, err := header(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte("\x00\x00\x00\x02{}"))
	f.Add([]byte("\xff\xff\xff\xff{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rest := bytes.NewReader(raw)
		r, err := readHeader[request](rest)
		if err != nil {
			return
		}
		if err := r.check(); err != nil {
			t.Errorf("accepted %+v: %v", r, err)
		}
		again, err := header(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := readHeader[request](bytes.NewReader(again)); err != nil || same != r {
			t.Errorf("%+v became %+v: %v", r, same, err)
		}
	})
}

func FuzzCost(f *testing.F) {
	f.Add(frame(jpegSOF2, 4000, 3000, 4, 0x22))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range formats {
			if !format.begins(raw) {
				continue
			}
			w, h, cost, err := format.cost(raw)
			if err == nil && (w < 0 || h < 0 || cost < 0 || cost == 0 && w > 0 && h > 0) {
				t.Errorf("%dx%d takes %d", w, h, cost)
			}
		}
	})
}

func BenchmarkThumbnail(b *testing.B) {
	var buf bytes.Buffer
	p := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for i := range p.Pix {
		p.Pix[i] = byte(i >> 9)
	}
	if err := jpeg.Encode(&buf, p, nil); err != nil {
		b.Fatal(err)
	}
	jobs := New(zerolog.Nop())
	b.Run("in this process", func(b *testing.B) {
		for b.Loop() {
			if said, _ := picture(small, buf.Bytes()); said.Failed != "" {
				b.Fatal(said.Failed)
			}
		}
	})
	b.Run("in a process of its own", func(b *testing.B) {
		for b.Loop() {
			if _, err := jobs.Thumbnail(b.Context(), buf.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
