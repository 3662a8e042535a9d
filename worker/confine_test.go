package worker_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"whatsapp-manager/supervisor/store/storetest"
)

func TestAWorkerGivesUpPrivilegesAndCoreDumps(t *testing.T) {
	t.Parallel()
	p := newInstance(t, storetest.NewURL(t), offline).start().attach()
	pid := p.cmd.Process.Pid
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: %v %v", threads, err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err == nil && !bytes.Contains(status, []byte("NoNewPrivs:\t1\n")) { // a thread may have ended
			t.Errorf("%s: may gain privileges", thread)
		}
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit); err != nil || limit.Cur > 1 || limit.Max > 1 {
		t.Errorf("core limit: %+v, %v", limit, err)
	}
}
