package decode

import (
	"bytes"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

// A job is recognised by these, so that nobody starts one by accident.
const (
	cookieKey   = "WAM_DECODE_JOB"
	cookieValue = "f2a96b9d-3c0e-4c55-9d3a-9a1f5b7a1c60"
	argument    = "decode"
)

// Asked reports whether this process was started as a job. Programs that use a Pool ask
// that before they do anything else, and then exit with the code that Main returns.
func Asked() bool { return os.Getenv(cookieKey) == cookieValue }

const (
	exitDone = 0
	// exitUnfit is for a job that could not be confined or limited, and so read nothing.
	exitUnfit = 3
)

// Main does one job, from standard input to standard output, and returns the
// exit code of the process.
func Main() int {
	runtime.LockOSThread() // niceness belongs to a thread, and ffmpeg inherits it from this one
	req, err := readHeader[request](os.Stdin)
	if err != nil {
		return exitUnfit
	}
	closeInherited(req.Op == opMeasure)
	if err := limit(req); err != nil {
		return exitUnfit
	}
	whole := confine(req)
	if req.Op.converts() {
		// Exec returns only when it fails.
		_ = unix.Exec(req.Program, append([]string{"ffmpeg"}, conversions[req.Op]...), []string{})
		return exitUnfit
	}
	debug.SetMemoryLimit(req.Memory)
	raw := make([]byte, req.Size)
	if _, err := io.ReadFull(os.Stdin, raw); err != nil {
		return exitUnfit
	}
	said, made := safely(req.Op, raw)
	said.Open = !whole
	head, err := header(said)
	if err != nil {
		return exitUnfit
	}
	for _, part := range [][]byte{head, made} {
		if _, err := os.Stdout.Write(part); err != nil {
			return exitUnfit
		}
	}
	return exitDone
}

// closeInherited closes descriptors that the worker inherited itself and could not know
// about. The poller of Go's runtime, which exists already, stays open, and so does a
// file that the job was handed.
func closeInherited(handed bool) {
	const few = 256
	name := make([]byte, 32)
	first := handedFile
	if handed {
		first++
	}
	for fd := first; fd < few; fd++ {
		n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), name)
		if err == nil && !bytes.HasPrefix(name[:n], []byte("anon_inode:")) {
			_ = unix.Close(fd)
		}
	}
	_ = unix.CloseRange(few, math.MaxUint32, 0)
}

// safely takes a panic of a decoder for a damaged file.
func safely(op operation, raw []byte) (said answer, made []byte) {
	defer func() {
		if recover() != nil {
			said, made = answer{Failed: wordDamaged}, nil
		}
	}()
	switch op {
	case opWaveform:
		return waveform(raw)
	case opMeasure:
		return measured(), nil
	}
	return picture(onImages[op], raw)
}
