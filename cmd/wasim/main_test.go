package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim/client"
)

// asProgram makes the test's binary run as the simulator's program.
const asProgram = "WASIM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// start runs the program until the test ends.
func start(t *testing.T, args ...string) (sim *client.Program, end context.CancelFunc, ended <-chan error) {
	t.Helper()
	t.Setenv(asProgram, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sim = client.NewProgram(self)
	sim.Args = args
	sim.Stderr = t.Output()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		result <- sim.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return sim, cancel, result
}

func await[T any](t *testing.T, what string, c <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(30 * time.Second):
		t.Fatal(what + ": waited too long")
	}
	return got
}

func TestProgramIsDrivenOverItsControlAPI(t *testing.T) {
	sim, end, ended := start(t)
	await(t, "start", sim.Started())
	if endpoint := sim.Endpoint(); !strings.HasPrefix(endpoint, "http://127.0.0.1:") ||
		!strings.Contains(endpoint, "?noise=") {
		t.Errorf("endpoint %q", endpoint)
	}
	ctx := t.Context()
	for _, account := range []client.Account{
		{Number: "15550000001", Name: "Alice", Chats: 2, Messages: 3}, {Number: "15550000002", Name: "Bob"},
	} {
		if err := sim.CreateAccount(ctx, account); err != nil {
			t.Fatal(err)
		}
	}
	if err := sim.CreateAccount(ctx, client.Account{Number: "15550000002", Name: "Bob"}); err == nil ||
		!strings.Contains(err.Error(), "409") {
		t.Errorf("a taken number: %v", err)
	}
	if err := sim.SetAutomatic(ctx, "15550000002", client.Automatic{Reply: "You wrote: %s", Read: true}); err != nil {
		t.Error(err)
	}
	if err := sim.Send(ctx, "15550000001", "15550000002", "hello"); err != nil {
		t.Error(err)
	}
	if err := sim.ScanQR(ctx, "15550000001", "nonsense"); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a wrong QR text: %v", err)
	}
	end()
	if err := await(t, "end", ended); err != nil {
		t.Error(err)
	}
}

func TestProgramEndsWithItsParent(t *testing.T) {
	t.Setenv(asProgram, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-until-eof")
	cmd.Stdin, cmd.Stderr = read, t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	// The kernel closes the pipe of a parent that dies, however it dies.
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "end", ended); err != nil {
		t.Error(err)
	}
}

func TestProgramThatDiesIsReported(t *testing.T) {
	t.Run("at its start", func(t *testing.T) {
		_, _, ended := start(t, "-listen", "203.0.113.1:1")
		var exit *exec.ExitError
		if err := await(t, "end", ended); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		if err := client.NewProgram("/nonexistent/wasim").Run(t.Context()); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("got %v", err)
		}
	})
}
