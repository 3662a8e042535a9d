package decode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
)

// The reasons to refuse a file. Callers map them to faults that name the field.
var (
	ErrFormat      = errors.New("the file is none of the formats that can be read")
	ErrDamaged     = errors.New("the file is damaged")
	ErrTooBig      = errors.New("the file takes too much memory once decoded")
	ErrLimit       = errors.New("the file takes too much time or memory to read")
	ErrNoConverter = errors.New("ffmpeg is not installed")
)

// Pool decodes files in jobs, a few at a time. It is safe for concurrent use.
//
// Its methods return the errors above, a *fault.Error of kind RateLimited when too many
// files wait already or one has waited too long, and the context's error when that ends.
type Pool struct {
	log         zerolog.Logger
	jobs        chan struct{} // a token for each job that runs
	conversions chan struct{} // a token for each job that executes ffmpeg
	waiting     atomic.Int32
	open        sync.Once     // to say once that jobs are not confined
	patience    time.Duration // how long a file waits
	image       bounds
	heads       bounds
	convert     bounds
}

// bounds are the limits of one job.
type bounds struct {
	time   time.Duration
	memory int64  // bytes
	cpu    uint64 // seconds
}

// New returns a pool. It starts nothing; a process is started for each file.
// The program around it must begin with Asked.
func New(log zerolog.Logger) *Pool {
	return &Pool{
		log: log, jobs: make(chan struct{}, jobsAtOnce), conversions: make(chan struct{}, conversionsAtOnce), patience: jobPatience,
		image:   bounds{imageTime, imageMemory, imageCPU},
		heads:   bounds{headTime, imageMemory, headCPU},
		convert: bounds{convertTime, convertMemory, convertCPU},
	}
}

// Thumbnail is a small JPEG and the size of its original.
type Thumbnail struct {
	JPEG          []byte
	Width, Height int // of the original, in pixels
}

// Thumbnail makes the preview inside a message, of at most 72 pixels.
func (p *Pool) Thumbnail(ctx context.Context, raw []byte) (Thumbnail, error) {
	said, made, err := p.onImage(ctx, opThumbnail, raw, maxThumbnail)
	return Thumbnail{JPEG: made, Width: said.Width, Height: said.Height}, err
}

// Square makes a JPEG of 640 pixels, cropped around the middle.
func (p *Pool) Square(ctx context.Context, raw []byte) ([]byte, error) {
	_, made, err := p.onImage(ctx, opSquare, raw, maxPicture)
	return made, err
}

// Sticker makes a WebP image of StickerSide pixels.
func (p *Pool) Sticker(ctx context.Context, raw []byte) ([]byte, error) {
	_, made, err := p.onImage(ctx, opSticker, raw, maxPicture)
	return made, err
}

// Voice makes Ogg with Opus from any file with sound.
func (p *Pool) Voice(ctx context.Context, raw []byte) ([]byte, error) {
	return p.byConverter(ctx, opVoice, raw)
}

// Clip makes an animated sticker from the first seconds of a video.
func (p *Pool) Clip(ctx context.Context, raw []byte) ([]byte, error) {
	return p.byConverter(ctx, opClip, raw)
}

// Waveform returns the 64 values from 0 to 100 that are drawn for a voice message, which
// is Ogg with Opus; nil for silence.
func (p *Pool) Waveform(ctx context.Context, raw []byte) ([]byte, error) {
	if len(raw) > maxVoice {
		return nil, ErrTooBig
	}
	_, made, err := p.ask(ctx, opWaveform, raw, maxWave)
	return made, err
}

// Measure reads the length of a video or a sound, the size of a video, and the pages of a
// document. The file may have any size; the job gets it as it is, for reading. What tells none of
// these is ErrFormat.
func (p *Pool) Measure(ctx context.Context, file *os.File) (Measures, error) {
	said, _, err := p.ask(ctx, opMeasure, nil, 0, file)
	return Measures{time.Duration(said.Millis) * time.Millisecond, said.Width, said.Height, said.Pages}, err
}

func (p *Pool) onImage(ctx context.Context, op operation, raw []byte, most int) (answer, []byte, error) {
	if len(raw) > maxImage {
		return answer{}, nil, ErrTooBig
	}
	said, made, err := p.ask(ctx, op, raw, most)
	if err == nil && (len(made) == 0 || said.Width < 1 || said.Height < 1) {
		return answer{}, nil, errors.New("answer of a decoder: nothing was made")
	}
	return said, made, err
}

// ask has a job of our own do its work on a file.
func (p *Pool) ask(
	ctx context.Context, op operation, raw []byte, most int, handed ...*os.File,
) (answer, []byte, error) {
	leave, err := p.enter(ctx, p.jobs)
	if err != nil {
		return answer{}, nil, err
	}
	defer leave()
	limits := p.image
	if op == opMeasure {
		limits = p.heads
	}
	req := request{Op: op, Size: int64(len(raw)), Memory: limits.memory, CPU: limits.cpu}
	out, err := p.run(ctx, req, limits.time, raw, most+4+maxHeader, handed...)
	if err != nil {
		return answer{}, nil, err
	}
	rest := bytes.NewReader(out)
	said, err := readHeader[answer](rest)
	if err != nil {
		return answer{}, nil, fmt.Errorf("answer of a decoder: %w", err)
	}
	if said.Open {
		p.open.Do(func() {
			p.log.Warn().Msg("files are decoded without confinement: the kernel lacks Landlock or seccomp")
		})
	}
	switch said.Failed {
	case wordFormat:
		return said, nil, ErrFormat
	case wordTooBig:
		return said, nil, ErrTooBig
	case wordDamaged:
		return said, nil, ErrDamaged
	}
	return said, out[len(out)-rest.Len():], nil
}

func (p *Pool) byConverter(ctx context.Context, op operation, raw []byte) ([]byte, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, ErrNoConverter
	}
	if len(raw) > maxInput {
		return nil, ErrTooBig
	}
	leave, err := p.enter(ctx, p.conversions, p.jobs)
	if err != nil {
		return nil, err
	}
	defer leave()
	req := request{Op: op, Size: int64(len(raw)), Memory: p.convert.memory, CPU: p.convert.cpu, Program: program}
	out, err := p.run(ctx, req, p.convert.time, raw, maxConverted)
	if err == nil && len(out) == 0 {
		err = ErrFormat
	}
	return out, err
}

// enter waits for a token of each of the queues, in their order.
func (p *Pool) enter(ctx context.Context, queues ...chan struct{}) (leave func(), err error) {
	busy := &fault.Error{
		Kind: fault.RateLimited, Op: op, Code: "too_many_files",
		Msg: "too many files are being read", RetryAfter: retryAfter,
	}
	if p.waiting.Add(1) > jobsWaiting {
		p.waiting.Add(-1)
		return nil, busy
	}
	defer p.waiting.Add(-1)
	patience := time.NewTimer(p.patience)
	defer patience.Stop()
	entered := 0
	leave = func() {
		for _, queue := range queues[:entered] {
			<-queue
		}
	}
	for _, queue := range queues {
		select {
		case queue <- struct{}{}:
			entered++
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-patience.C:
			err = busy
		}
		leave()
		return nil, err
	}
	return leave, nil
}
