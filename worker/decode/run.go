package decode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	op = "worker.decode"
	// pipeDelay is how long the pipes of a job that ended may stay open.
	pipeDelay = time.Second
)

var errTooMuch = errors.New("more than a job may answer")

// collected keeps a job's output up to a limit. A write beyond it fails, and that ends the
// job.
type collected struct {
	buf  bytes.Buffer
	most int
}

func (c *collected) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > c.most {
		return 0, errTooMuch
	}
	return c.buf.Write(p)
}

// run starts one job, feeds it, and waits for its end. The job outlives neither this
// process nor its time limit.
func (p *Pool) run(
	ctx context.Context, req request, limit time.Duration, raw []byte, most int, handed ...*os.File,
) ([]byte, error) {
	head, err := header(req)
	if err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(timed, "/proc/self/exe")
	cmd.Args = []string{"whatsapp-worker", argument}
	cmd.Env = []string{
		cookieKey + "=" + cookieValue, "GOMAXPROCS=1", "GOTRACEBACK=none",
		"GODEBUG=containermaxprocs=0", "GORACE=" + os.Getenv("GORACE"),
	}
	cmd.Dir, cmd.ExtraFiles = "/", handed
	// The job has a process group of its own, so that one signal ends all of it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeDelay
	out := &collected{most: most}
	cmd.Stdin, cmd.Stdout = io.MultiReader(bytes.NewReader(head), bytes.NewReader(raw)), out

	// For the kernel the parent is the thread that started the job, and the job ends with
	// that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if err == nil {
		return out.buf.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if cmd.ProcessState == nil {
		return nil, fmt.Errorf("start a decoder: %w", err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	p.log.Info().Str("op", string(req.Op)).Int("bytes", len(raw)).Int("exit", status.ExitStatus()).Stringer("signal", status.Signal()).
		Bool("late", timed.Err() != nil).Dur("cpu", cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Msg("a file was not decoded")
	switch {
	case timed.Err() != nil, status.Signaled(), errors.Is(err, errTooMuch):
		return nil, ErrLimit
	case status.ExitStatus() == exitUnfit:
		return nil, errors.New("a decoder could not be made safe")
	case req.Op.converts():
		return nil, ErrFormat // ffmpeg tells no reason
	}
	return nil, ErrLimit // Go's runtime exits with 2 when it gets no memory
}
