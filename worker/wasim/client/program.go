package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// endTimeout is how long the program may take to end before it is killed.
const endTimeout = 10 * time.Second

// Program is the simulator as a child process. Its Client may be used after
// Started.
type Program struct {
	*Client

	// Args are further arguments of the program.
	Args []string
	// Stderr gets what the program writes to its standard error; nil discards it.
	Stderr io.Writer

	path     string
	started  chan struct{}
	endpoint string // written before started is closed
}

// NewProgram describes the program at a path. It starts nothing.
func NewProgram(path string) *Program {
	return &Program{path: path, started: make(chan struct{})}
}

// Run starts the program and returns when it has ended; the end of ctx ends it.
// It returns nil if the program ended because of ctx. It may be called once.
//
// The program also ends when this process does: it watches its standard input.
// It does not get the signals of this process's terminal, so that it can outlive
// the clients that a Ctrl-C ends.
func (p *Program) Run(ctx context.Context) error {
	args := append([]string{"-json", "-until-eof"}, p.Args...)
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Stderr = p.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	cmd.Cancel = input.Close
	cmd.WaitDelay = endTimeout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	greetErr := p.greet(output)
	if greetErr != nil {
		_ = input.Close() // the program ends by it, or WaitDelay ends the wait
	}
	err = cmd.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err()) || errors.Is(err, os.ErrClosed)) {
		return nil
	}
	if err == nil && greetErr == nil {
		err = errors.New("nobody asked it to")
	}
	return fmt.Errorf("the simulator has ended: %w", errors.Join(greetErr, err))
}

// greet reads the line by which the program says that it serves.
func (p *Program) greet(output io.Reader) error {
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the program's first line: %w", err)
	}
	var greeting struct {
		Endpoint string `json:"endpoint"`
	}
	if err := json.Unmarshal(line, &greeting); err != nil {
		return fmt.Errorf("read the program's first line: %w", err)
	}
	if p.Client, err = New(greeting.Endpoint); err != nil {
		return err
	}
	p.endpoint = greeting.Endpoint
	close(p.started)
	return nil
}

// Started is closed once the simulator serves.
func (p *Program) Started() <-chan struct{} { return p.started }

// Endpoint is the URL that points clients to the simulator, empty until Started.
func (p *Program) Endpoint() string {
	select {
	case <-p.started:
		return p.endpoint
	default:
		return ""
	}
}
