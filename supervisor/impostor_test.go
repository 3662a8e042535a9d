package supervisor_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

// Another process listens where the worker did, and passes on everything that
// is said. The worker's own words cannot tell; the kernel can.
func TestAnImpostorOnTheSocketHearsNothing(t *testing.T) {
	h := newHost(t)
	h.cfg.AttachTimeout, h.cfg.AttachBudget = 200*time.Millisecond, 500*time.Millisecond
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	pid := h.running(one).Proc.PID
	h.end()

	attach, err := os.ReadFile(filepath.Join(h.cfg.RunDir, string(one), workerv1.AttachFile))
	if err != nil {
		t.Fatal(err)
	}
	socket := strings.Split(strings.Split(string(attach), "\n")[1], "|")[3]
	if err := os.Rename(socket, socket+".real"); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var heard, accepted atomic.Int64
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			passing.Go(func() {
				defer conn.Close()
				real, err := net.Dial("unix", socket+".real")
				if err != nil {
					return
				}
				defer real.Close()
				passing.Go(func() { _, _ = io.Copy(conn, real); conn.Close() })
				n, _ := io.Copy(real, conn)
				heard.Add(n)
			})
		}
	})
	h.manage()
	second := h.await(one, "a worker of its own", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Proc.PID != pid })
	h.want(one, supervisor.Stop)
	h.await(one, "stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped })
	listener.Close()
	passing.Wait()
	if accepted.Load() == 0 {
		t.Error("nobody asked the impostor: the test proves nothing")
	}
	if heard.Load() != 0 {
		t.Errorf("the impostor heard %d bytes before worker %d came", heard.Load(), second.Proc.PID)
	}
}
