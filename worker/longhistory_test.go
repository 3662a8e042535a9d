package worker_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
)

// TestLongHistory imports 50,000 messages with a worker that is killed in the
// middle: nothing is missing or twice, and the memory stays bounded.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	const chats, each = 50, 1000
	w := newWorldWith(t, storetest.NewURL(t), wasim.AccountOptions{Chats: chats, Messages: each})
	p := w.start().attach()
	w.scan(p)
	count := func() int {
		return value[int](w.instance, `select count(*)::int from messages where instance_id = $1`, w.id)
	}
	w.eventually("a part of the history", func() bool { return count() >= 5000 })
	p.kill()
	first := count()
	p = w.start().attach()
	p.state(online)
	w.eventually("the whole history", func() bool { return count() == chats*each })
	p.link("history that is complete", func(l *workerv1.Link) bool { return l.GetHistoryProgress() == 100 })
	if first == chats*each {
		t.Log("the import was over before the kill; it shows memory only")
	}
	peak := highWater(t, p.cmd.Process.Pid)
	t.Logf("peak %d MB; %d messages were there at the kill", peak>>20, first)
	if peak > 200<<20 && !raceDetector {
		t.Errorf("the worker took %d MB", peak>>20)
	}
	if n := value[int](w.instance, `select count(*)::int from events where instance_id = $1 and type in ('message', 'message_create')`, w.id); n != 0 {
		t.Errorf("history made %d message events", n)
	}
}

// highWater is the most memory that a process ever had, in bytes.
func highWater(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
