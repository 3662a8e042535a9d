package decode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/image/webp"

	"whatsapp-manager/proto/fault"
)

// What a decoder does that a file has taken over.
const (
	opHang    operation = "test-hang"    // for ever
	opHoard   operation = "test-hoard"   // takes memory without end
	opCrash   operation = "test-crash"   // panics
	opLook    operation = "test-look"    // tries to get at something, and tells
	opFlood   operation = "test-flood"   // answers without end
	opThreads operation = "test-threads" // makes some
)

func init() {
	onImages[opHang] = func(image.Image) ([]byte, error) {
		for {
			runtime.Gosched()
		}
	}
	onImages[opHoard] = func(image.Image) ([]byte, error) {
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte{1}, 8<<20))
		}
	}
	onImages[opCrash] = func(image.Image) ([]byte, error) { panic("of a decoder") }
	onImages[opLook] = func(image.Image) ([]byte, error) { return json.Marshal(lookAround()) }
	onImages[opThreads] = func(image.Image) ([]byte, error) {
		var all sync.WaitGroup
		ready := make(chan struct{})
		for range 8 {
			all.Go(func() { // a thread each: none of them leaves its own
				runtime.LockOSThread()
				<-ready
			})
		}
		close(ready)
		all.Wait()
		return []byte("8 threads"), nil
	}
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

// eventually waits for what nobody reports.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still not: %s", what)
		}
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
	eventually(t, "jobs that run", func() bool { return len(p.jobs) == jobsAtOnce })
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
	eventually(t, "calls that wait", func() bool { return p.waiting.Load() == jobsWaiting })
	_, err = p.Square(t.Context(), pixels(t, 3, 3))
	limited("when enough wait", err)
	cancel()
	busy.Wait()
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
