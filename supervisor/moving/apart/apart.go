package apart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	maxAnswer = 128 << 20 // bytes; room for the largest account that moving.Check takes, in JSON
	// copies is how often an answer's size is in memory: as it came, while it grows, and decoded.
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
	Account *moving.Account
	Report  *moving.Report
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
	if err := cmd.Start(); err != nil {
		return res, fmt.Errorf("start the reader: %w", err)
	}
	said, readErr := hear(out, req.Book)
	if readErr != nil {
		stop()
	}
	waitErr := cmd.Wait()
	var a answer
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return res, fault.New(fault.Deadline, op, "reading the account took longer than %s", patience)
	case ctx.Err() != nil:
		return res, ctx.Err()
	case isFault(readErr):
		return res, readErr
	case readErr != nil || waitErr != nil || json.Unmarshal(said, &a) != nil:
		return res, &fault.Error{
			Kind: fault.Invalid, Op: op, Field: "file", Code: "unreadable_account",
			Msg: "the file broke the process that reads it; it is damaged, or too large", Err: waitErr,
		}
	case a.Fault != nil:
		return res, &fault.Error{Kind: a.Fault.Kind, Op: op, Field: a.Fault.Field, Code: a.Fault.Code, Msg: a.Fault.Msg}
	case a.Account == nil || a.Report == nil:
		return res, moving.Unreadable("the file holds no account")
	}
	return a.Result, a.Account.Check()
}

// hear reads the answer, and books memory for it as it comes.
func hear(from io.Reader, book func(int64) error) ([]byte, error) {
	var said bytes.Buffer
	part := make([]byte, 256<<10)
	for {
		n, err := from.Read(part)
		if said.Len()+n > maxAnswer {
			return nil, &fault.Error{Kind: fault.TooLarge, Op: "apart.Read", Field: "file", Msg: "the account in the file is too large"}
		}
		if n > 0 && book != nil {
			if err := book(copies * int64(n)); err != nil {
				return nil, err
			}
		}
		said.Write(part[:n])
		if errors.Is(err, io.EOF) {
			return said.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
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
	if err != nil {
		a = answer{Fault: refused(err)}
	}
	return json.NewEncoder(out).Encode(a)
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
