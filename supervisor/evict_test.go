package supervisor

import (
	"os/exec"
	"testing"
	"time"
)

// A worker that has let its instance go, but not come to its end yet, does not remain.
func TestProcessAboutToEndDoesNotRemain(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	remains := make(chan bool)
	go func() { remains <- p.Remains(t.Context()) }()
	select {
	case <-remains:
		t.Fatal("told before the process had ended")
	case <-time.After(50 * time.Millisecond):
	}
	in.Close()
	if <-remains {
		t.Error("it remains after its end")
	}
	_ = cmd.Wait()
	if p.Remains(t.Context()) {
		t.Error("it remains after it was waited for")
	}
}
