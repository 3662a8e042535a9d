package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenerEnv has the descriptor of the listener that a manager leaves to its
// successor, so that callers wait in its queue instead of being refused, and
// after a space the setting that it was opened for.
const listenerEnv = "WAM_INHERITED_LISTENER"

// successor is the program that now stands where this one was started from.
type successor struct {
	path, build string
	listener    *os.File // a second descriptor: the server closes its own
	address     string   // the setting
}

// newSuccessor makes sure that the installed program runs before anything is
// given up for it.
func newSuccessor(ctx context.Context, listener net.Listener, address string) (*successor, error) {
	path, err := os.Executable() // as it was when we started, whatever stands there now
	if err != nil {
		return nil, fmt.Errorf("find program: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	s := &successor{path: path, build: strings.TrimSpace(string(out)), address: address}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return s, nil
	}
	if s.listener, err = tcp.File(); err != nil {
		return nil, fmt.Errorf("keep listener: %w", err)
	}
	return s, nil
}

// exec replaces this process. It returns only with an error.
func (s *successor) exec() error {
	env := os.Environ()
	if s.listener != nil {
		fd := s.listener.Fd()
		if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("leave listener to the successor: %w", err)
		}
		env = append(env, listenerEnv+"="+strconv.Itoa(int(fd))+" "+s.address)
	}
	return fmt.Errorf("execute %s: %w", s.path, syscall.Exec(s.path, os.Args, env))
}

// listen takes over the predecessor's listener, when it left one at this
// address, or opens one.
func listen(address string) (net.Listener, error) {
	text, left := os.LookupEnv(listenerEnv)
	if !left {
		return net.Listen("tcp", address)
	}
	if err := os.Unsetenv(listenerEnv); err != nil { // not for programs that we start
		return nil, err
	}
	number, setting, _ := strings.Cut(text, " ")
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, fmt.Errorf("inherited listener: %q is no descriptor", number)
	}
	file := os.NewFile(uintptr(fd), "listener")
	if setting != address { // it was changed meanwhile
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("inherited listener: %w", err)
		}
		return net.Listen("tcp", address)
	}
	inherited, err := net.FileListener(file) // a copy, closed on exec as all of ours
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("inherited listener: %w", err)
	}
	return inherited, nil
}
