package apart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/formats"
)

// Command is the argument with which a program becomes the process that reads.
const Command = "read-account"

const (
	patience  = 2 * time.Minute
	maxAnswer = 768 << 20 // bytes; room for the largest account that moving.Check takes, in JSON
	maxLine   = 32 << 20  // of a part of it
	// copies is how often a part's size is in memory: as it came, while it grows, and decoded.
	copies = 3
)

// Request is what to read.
type Request struct {
	Form   string
	Dir    string // everything the process may see
	Path   string // in Dir
	Device string
	// Book is asked before so many bytes more are held in this process, and its error ends
	// the reading. Whoever asks gives them back. Nil books nothing.
	Book func(bytes int64) error `json:"-"`
}

// Result is what was read.
type Result struct {
	Account *moving.Account // the first of its parts
	Report  *moving.Report
	// Rest has the other parts. They lie in a file, wait for being read once, and are not
	// checked.
	Rest iter.Seq2[*moving.Account, error] `json:"-"`

	answer *os.File
}

// Close gives the file back. It must be called, whether Rest was read or not.
func (r Result) Close() {
	if r.answer != nil {
		_ = r.answer.Close()
	}
}

type answer struct {
	Result
	Fault *refusal
}

// refusal is a fault on its way between the processes.
type refusal struct {
	Kind             fault.Kind
	Field, Code, Msg string
}

// Reader starts the processes.
type Reader struct {
	// Program is this program or one that handles Command in the same way.
	Program string
}

// Read reads an account in another process. Invalid when the file cannot be taken in, also
// where it broke the process.
func (r Reader) Read(ctx context.Context, req Request) (res Result, err error) {
	const op = "apart.Read"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	defer stop()
	question, err := json.Marshal(req)
	if err != nil {
		return res, fmt.Errorf("ask the reader: %w", err)
	}
	cmd := exec.CommandContext(running, r.Program, Command)
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{"GOTRACEBACK=none"}, req.Dir, time.Second
	cmd.Stdin = bytes.NewReader(question)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return res, fmt.Errorf("start the reader: %w", err)
	}
	spool, err := unnamed(req.Dir)
	if err != nil {
		return res, fault.Wrap(fault.Unavailable, op, err, "the account cannot be kept: the server's disk is full or not writable")
	}
	defer func() {
		if err != nil {
			_ = spool.Close()
		}
	}()
	if err = cmd.Start(); err != nil {
		return res, fmt.Errorf("start the reader: %w", err)
	}
	n, copyErr := io.Copy(spool, io.LimitReader(out, maxAnswer+1))
	if copyErr != nil || n > maxAnswer {
		stop()
	}
	waitErr := cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return res, fault.New(fault.Deadline, op, "reading the account took longer than %s", patience)
	case ctx.Err() != nil:
		return res, ctx.Err()
	case copyErr != nil:
		return res, fault.Wrap(fault.Unavailable, op, copyErr, "the account cannot be kept: the server's disk is full or not writable")
	case n > maxAnswer:
		return res, &fault.Error{Kind: fault.TooLarge, Op: op, Field: "file", Code: "account_too_large", Msg: "the account in the file is too large"}
	case waitErr != nil:
		return res, broken(waitErr)
	}
	if _, err = spool.Seek(0, io.SeekStart); err != nil {
		return res, fmt.Errorf("read the answer: %w", err)
	}
	lines := &lines{from: bufio.NewReaderSize(spool, 256<<10), book: req.Book}
	var a answer
	if err = lines.next(&a); err != nil {
		if errors.Is(err, io.EOF) {
			err = broken(nil)
		}
		return res, err
	}
	switch {
	case a.Fault != nil:
		return res, &fault.Error{Kind: a.Fault.Kind, Op: op, Field: a.Fault.Field, Code: a.Fault.Code, Msg: a.Fault.Msg}
	case a.Account == nil || a.Report == nil:
		return res, moving.Unreadable("the file holds no account")
	}
	a.Rest, a.answer = lines.rest, spool
	return a.Result, a.Account.Check()
}

// unnamed opens a new file that nobody else finds.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "answer")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func broken(cause error) error {
	return &fault.Error{
		Kind: fault.Invalid, Op: "apart.Read", Field: "file", Code: "unreadable_account",
		Msg: "the file broke the process that reads it; it is damaged, or too large", Err: cause,
	}
}

// Serve is the process: it answers one request and returns. It gives up for good what it
// does not need, so it must be called in a process of its own.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var req Request
	if err := json.NewDecoder(io.LimitReader(in, 1<<20)).Decode(&req); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if err := confine(req.Dir); err != nil {
		return err
	}
	var a answer
	var err error
	a.Account, a.Report, err = formats.Read(ctx, req.Form, req.Path, req.Device)
	to := bufio.NewWriterSize(out, 256<<10)
	lines := json.NewEncoder(to)
	if err != nil {
		return errors.Join(lines.Encode(answer{Fault: refused(err)}), to.Flush())
	}
	first := true
	for part := range a.Account.Parts() {
		var line any = part
		if first {
			line, first = answer{Result: Result{Account: part, Report: a.Report}}, false
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return to.Flush()
}

func refused(err error) *refusal {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return &refusal{f.Kind, f.Field, f.Code, f.Msg}
	}
	if errors.Is(err, os.ErrNotExist) {
		return &refusal{fault.Invalid, "file", "unreadable_account", "a file that belongs there is missing"}
	}
	return &refusal{fault.Invalid, "file", "unreadable_account", "the file cannot be read"}
}
